#include "native/kernels/cpu/simd.h"
#include "native/kernels/cpu/table.h"

namespace astarpo::ASTARPO_ISA {
namespace {

template <class M>
void rotate_rows(const RopeArgs& args, int64_t begin, int64_t end) {
  using X = typename M::Element;
  using F = Memory<Kind::f32>;
  const int64_t half = args.head_dim / 2;
  const Vec sign = splat(args.inverse ? -1.0f : 1.0f);
  for (int64_t r = begin; r < end; ++r) {
    const float* cos = args.cos + args.positions[r] * half;
    const float* sin = args.sin + args.positions[r] * half;
    for (int64_t h = 0; h < args.heads; ++h) {
      X* first = static_cast<X*>(args.x) + r * args.row_stride + h * args.head_dim;
      X* second = first + half;
      for_vectors(half, [&](int64_t at, int64_t count) {
        const Vec c = get_some<F>(cos + at, count);
        const Vec s = get_some<F>(sin + at, count) * sign;
        const Vec a = get_some<M>(first + at, count);
        const Vec b = get_some<M>(second + at, count);
        put_some<M>(first + at, a * c - b * s, count);
        put_some<M>(second + at, b * c + a * s, count);
      });
    }
  }
}

}  // namespace

void rope(const RopeArgs& args, Stream) {
  with_kind(args.kind, [&](auto memory) {
    for_ranges(args.rows, 0.2 * (double)(args.heads * args.head_dim),
               [&](int64_t begin, int64_t end) { rotate_rows<decltype(memory)>(args, begin, end); });
  });
}

}  // namespace astarpo::ASTARPO_ISA
