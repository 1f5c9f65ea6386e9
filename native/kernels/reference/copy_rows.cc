#include "native/kernels/reference/element.h"
#include "native/kernels/reference/table.h"

namespace astarpo::reference {

void copy_rows(const CopyRowsArgs& args, Stream) {
  for (int64_t i = 0; i < args.count; ++i) {
    const CopyRowsItem& item = args.items[i];
    for (int64_t r = 0; r < item.rows; ++r) {
      for (int64_t c = 0; c < args.width; ++c) {
        store(item.to, args.kind, r * item.to_stride + c, load(item.from, args.kind, r * item.from_stride + c));
      }
    }
  }
}

}  // namespace astarpo::reference
