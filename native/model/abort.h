#pragma once

#include <atomic>

#include "native/error.h"

namespace astarpo {

// Set from any thread, polled by long work at safe points (between layers, chunks and token steps).
class AbortFlag {
 public:
  void set() noexcept { value_.store(true, std::memory_order_relaxed); }
  bool is_set() const noexcept { return value_.load(std::memory_order_relaxed); }
  void check() const {
    if (is_set()) throw Error("ASTARPO_ABORTED", "the call was aborted");
  }

 private:
  std::atomic<bool> value_{false};
};

}  // namespace astarpo
