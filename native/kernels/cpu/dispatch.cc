#include <algorithm>
#include <atomic>
#include <cstddef>
#include <new>
#include <string>

#include <ATen/Parallel.h>

#include "native/error.h"
#include "native/kernels/cpu/runtime.h"
#include "native/kernels/ops.h"

namespace astarpo {

namespace avx512 {
const Ops& ops();
}
namespace avx2 {
const Ops& ops();
}
namespace baseline {
const Ops& ops();
}

namespace {

class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { release(); }
  float* at_least(int64_t floats) {
    if (floats > capacity_) {
      release();
      const int64_t capacity = floats + floats / 4;
      data_ = static_cast<float*>(::operator new(static_cast<size_t>(capacity) * sizeof(float), std::align_val_t{64}));
      capacity_ = capacity;
    }
    return data_;
  }

 private:
  void release() {
    ::operator delete(data_, std::align_val_t{64});
    data_ = nullptr;
    capacity_ = 0;
  }
  float* data_ = nullptr;
  int64_t capacity_ = 0;
};

std::atomic<const Ops*> cuda_table{nullptr};

const Ops& choose() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")) {
    return avx512::ops();
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) return avx2::ops();
  return baseline::ops();
}

}  // namespace

namespace runtime {

int64_t threads() { return at::in_parallel_region() ? 1 : at::get_num_threads(); }

void parallel(int64_t tasks, void (*fn)(void*, int64_t), void* context) {
  const int64_t workers = std::min(tasks, threads());
  if (workers <= 1) {
    for (int64_t task = 0; task < tasks; ++task) fn(context, task);
    return;
  }
  std::atomic<int64_t> next{0};
  at::parallel_for(0, workers, 1, [&](int64_t begin, int64_t end) {
    for (int64_t worker = begin; worker < end; ++worker) {
      for (int64_t task = next.fetch_add(1); task < tasks; task = next.fetch_add(1)) fn(context, task);
    }
  });
}

float* scratch(Slot slot, int64_t floats) {
  thread_local Scratch slots[kSlots];
  return slots[slot].at_least(floats);
}

}  // namespace runtime

const Ops& cpu_ops() {
  static const Ops& table = choose();
  return table;
}

const Ops* cuda_ops() { return cuda_table.load(std::memory_order_acquire); }

void register_cuda_ops(const Ops* ops) {
  if (ops == nullptr || ops->version != kOpsVersion) {
    throw Error("ASTARPO_ABI", "expected a CUDA kernel table of version " + std::to_string(kOpsVersion) + ", got " +
                                   (ops == nullptr ? std::string("none") : "version " + std::to_string(ops->version)) +
                                   "; build libastarpo_cuda.so from the same sources as libastarpo_core.so");
  }
  cuda_table.store(ops, std::memory_order_release);
}

}  // namespace astarpo
