// RMSNorm, one block per head of a row: the head is read once from memory and stays in registers between the sum of squares and
// the scaling. 16 bytes per load where alignment allows, sums in fp32.
#include "native/kernels/cuda/rms_norm.h"

#include <cuda_bf16.h>

#include "native/kernels/cuda/launch.h"

namespace astarpo::cuda {
namespace {

constexpr int kRegisterVectors = 4;  // vectors of a head that a thread keeps; longer heads are read twice

__device__ float to_float(float x) { return x; }
__device__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ void assign(float& to, float x) { to = x; }
__device__ void assign(__nv_bfloat16& to, float x) { to = __float2bfloat16_rn(x); }

template <class T, int kElements>
struct alignas(sizeof(T) * kElements) Pack {
  T element[kElements];
};

// The sum over the block, in every thread. Threads are a multiple of 32.
__device__ float block_sum(float value) {
  __shared__ float of_warp[32];
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  float sum = 0;
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) sum += of_warp[warp];
  return sum;
}

template <class X, class W, int kElements>
__global__ void rms_norm_kernel(const X* x, int64_t x_stride, const W* weight, X* y, int64_t y_stride, float* rstd, unsigned heads,
                                int64_t columns, float eps) {
  using PackX = Pack<X, kElements>;
  using PackW = Pack<W, kElements>;
  const int64_t vectors = columns / kElements;
  const int64_t row = blockIdx.x / heads, head = blockIdx.x % heads;
  const PackX* from = reinterpret_cast<const PackX*>(x + row * x_stride + head * columns);
  PackX* to = reinterpret_cast<PackX*>(y + row * y_stride + head * columns);
  const PackW* scale = reinterpret_cast<const PackW*>(weight);

  PackX kept[kRegisterVectors];
  float squares = 0;
#pragma unroll
  for (int i = 0; i < kRegisterVectors; ++i) {
    const int64_t at = threadIdx.x + static_cast<int64_t>(i) * blockDim.x;
    if (at >= vectors) break;
    kept[i] = from[at];
#pragma unroll
    for (int e = 0; e < kElements; ++e) squares += to_float(kept[i].element[e]) * to_float(kept[i].element[e]);
  }
  for (int64_t at = threadIdx.x + static_cast<int64_t>(kRegisterVectors) * blockDim.x; at < vectors; at += blockDim.x) {
    const PackX pack = from[at];
#pragma unroll
    for (int e = 0; e < kElements; ++e) squares += to_float(pack.element[e]) * to_float(pack.element[e]);
  }

  const float inverse = rsqrtf(block_sum(squares) / static_cast<float>(columns) + eps);
  if (rstd != nullptr && threadIdx.x == 0) rstd[blockIdx.x] = inverse;

  const auto write = [&](int64_t at, const PackX& pack) {
    const PackW factor = scale[at];
    PackX result;
#pragma unroll
    for (int e = 0; e < kElements; ++e) assign(result.element[e], to_float(pack.element[e]) * inverse * to_float(factor.element[e]));
    to[at] = result;
  };
#pragma unroll
  for (int i = 0; i < kRegisterVectors; ++i) {
    const int64_t at = threadIdx.x + static_cast<int64_t>(i) * blockDim.x;
    if (at >= vectors) break;
    write(at, kept[i]);
  }
  for (int64_t at = threadIdx.x + static_cast<int64_t>(kRegisterVectors) * blockDim.x; at < vectors; at += blockDim.x) write(at, from[at]);
}

template <class X, class W, int kElements>
void launch(const RmsNormArgs& args, cudaStream_t stream) {
  const int64_t per_thread = args.columns / kElements / kRegisterVectors;
  int threads = 32;
  while (threads < 1024 && threads < per_thread) threads *= 2;
  rms_norm_kernel<X, W, kElements><<<static_cast<unsigned>(args.rows * args.heads), threads, 0, stream>>>(
      static_cast<const X*>(args.x), args.x_stride, static_cast<const W*>(args.weight), static_cast<X*>(args.y), args.y_stride, args.rstd,
      static_cast<unsigned>(args.heads), args.columns, args.eps);
}

bool aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

template <class X, class W>
void launch_widest(const RmsNormArgs& args, cudaStream_t stream) {
  constexpr int kWide = 16 / (sizeof(X) > sizeof(W) ? sizeof(X) : sizeof(W));
  const bool whole_packs = args.columns % kWide == 0 && args.x_stride % kWide == 0 && args.y_stride % kWide == 0;
  if (whole_packs && aligned(args.x) && aligned(args.y) && aligned(args.weight)) {
    launch<X, W, kWide>(args, stream);
  } else {
    launch<X, W, 1>(args, stream);
  }
}

}  // namespace

void rms_norm(const RmsNormArgs& args, Stream stream) {
  if (args.rows == 0 || args.heads == 0 || args.columns == 0) return;
  const cudaStream_t queue = stream_of(stream);
  if (args.kind == Kind::f32) {
    if (args.weight_kind == Kind::f32) {
      launch_widest<float, float>(args, queue);
    } else {
      launch_widest<float, __nv_bfloat16>(args, queue);
    }
  } else if (args.weight_kind == Kind::f32) {
    launch_widest<__nv_bfloat16, float>(args, queue);
  } else {
    launch_widest<__nv_bfloat16, __nv_bfloat16>(args, queue);
  }
  check_launch("rms_norm");
}

}  // namespace astarpo::cuda
