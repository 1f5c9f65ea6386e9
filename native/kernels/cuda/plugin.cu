// What libastarpo_cuda.so exports: the table of kernels of this device. A null entry is computed through ATen.
#include "native/kernels/cuda/rms_norm.h"

extern "C" __attribute__((visibility("default"))) const astarpo::Ops* astarpo_cuda_ops() {
  static const astarpo::Ops table = [] {
    astarpo::Ops ops{};
    ops.version = astarpo::kOpsVersion;
    ops.name = "cuda";
    ops.rms_norm = astarpo::cuda::rms_norm;
    return ops;
  }();
  return &table;
}
