// Which keys a query sees.
#pragma once

#include <algorithm>

#include "native/kernels/ops.h"

namespace astarpo::reference {

struct VisibleKeys {
  int64_t begin, end;
};

// Of the query at `position` among its keys.
inline VisibleKeys visible_keys(int64_t position, int64_t window) {
  return {window > 0 ? std::max<int64_t>(0, position + 1 - window) : 0, position + 1};
}

}  // namespace astarpo::reference
