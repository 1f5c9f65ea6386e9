// What every CUDA kernel file shares: which stream to use, and an error that names the kernel.
#pragma once

#include <string>

#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime.h>

#include "native/error.h"
#include "native/kernels/ops.h"

namespace astarpo::cuda {

// Null means: the stream that libtorch uses on this thread now, so that kernels and ATen operations stay in order.
inline cudaStream_t stream_of(Stream stream) {
  return stream ? static_cast<cudaStream_t>(stream) : c10::cuda::getCurrentCUDAStream().stream();
}

// Call right after a launch: a refused launch would otherwise be reported by some later, innocent call.
inline void check_launch(const char* kernel) {
  const cudaError_t error = cudaGetLastError();
  if (error == cudaSuccess) return;
  throw Error(
      error == cudaErrorMemoryAllocation ? "ASTARPO_OUT_OF_MEMORY" : "ASTARPO_TORCH",
      std::string("the CUDA kernel ") + kernel + " could not be launched: " + cudaGetErrorName(error) + ", " + cudaGetErrorString(error));
}

}  // namespace astarpo::cuda
