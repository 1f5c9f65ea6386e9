#include "native/kernels/cpu/simd.h"
#include "native/kernels/cpu/table.h"

namespace astarpo::ASTARPO_ISA {
namespace {

constexpr int64_t kSquaresBlock = 16384;
using Doubles = double __attribute__((vector_size(kWidth * 8)));

double squares_of(const float* x, int64_t length) {
  Doubles sum{};
  for_vectors(length, [&](int64_t at, int64_t count) {
    const Doubles value = __builtin_convertvector(get_some<Memory<Kind::f32>>(x + at, count), Doubles);
    sum += value * value;
  });
  double total = 0;
  for (int i = 0; i < kWidth; ++i) total += sum[i];
  return total;
}

}  // namespace

void sum_squares(const SumSquaresArgs& args, Stream) {
  const int64_t blocks = divide_up(args.count, kSquaresBlock);
  auto* partial = reinterpret_cast<double*>(runtime::scratch(runtime::kShared, 2 * blocks));
  for_ranges(blocks, 0.1 * kSquaresBlock, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      partial[b] = squares_of(args.x + b * kSquaresBlock, minimum(kSquaresBlock, args.count - b * kSquaresBlock));
    }
  });
  double total = 0;
  for (int64_t b = 0; b < blocks; ++b) total += partial[b];
  *args.result = total;
}

}  // namespace astarpo::ASTARPO_ISA
