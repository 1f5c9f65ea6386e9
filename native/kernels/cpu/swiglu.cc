#include "native/kernels/cpu/simd.h"
#include "native/kernels/cpu/table.h"

namespace astarpo::ASTARPO_ISA {
namespace {

ASTARPO_INLINE Vec sigmoid(Vec x) { return splat(1.0f) / (splat(1.0f) + exponential(-x)); }

template <class M>
void gate_rows(const SwigluArgs& args, int64_t begin, int64_t end) {
  using X = typename M::Element;
  for (int64_t r = begin; r < end; ++r) {
    const X* gate = static_cast<const X*>(args.gate_up) + r * 2 * args.width;
    const X* up = gate + args.width;
    X* y = static_cast<X*>(args.y) + r * args.width;
    for_vectors(args.width, [&](int64_t at, int64_t count) {
      const Vec g = get_some<M>(gate + at, count);
      put_some<M>(y + at, g * sigmoid(g) * get_some<M>(up + at, count), count);
    });
  }
}

template <class M>
void gate_backward_rows(const SwigluBackwardArgs& args, int64_t begin, int64_t end) {
  using X = typename M::Element;
  for (int64_t r = begin; r < end; ++r) {
    const X* gate = static_cast<const X*>(args.gate_up) + r * 2 * args.width;
    const X* up = gate + args.width;
    const X* dy = static_cast<const X*>(args.dy) + r * args.width;
    X* dgate = static_cast<X*>(args.dgate_up) + r * 2 * args.width;
    X* dup = dgate + args.width;
    for_vectors(args.width, [&](int64_t at, int64_t count) {
      const Vec g = get_some<M>(gate + at, count);
      const Vec u = get_some<M>(up + at, count);
      const Vec d = get_some<M>(dy + at, count);
      const Vec s = sigmoid(g);
      put_some<M>(dgate + at, d * u * s * fma(g, splat(1.0f) - s, splat(1.0f)), count);
      put_some<M>(dup + at, d * g * s, count);
    });
  }
}

}  // namespace

void swiglu(const SwigluArgs& args, Stream) {
  with_kind(args.kind, [&](auto memory) {
    for_ranges(args.rows, 0.4 * (double)args.width, [&](int64_t begin, int64_t end) { gate_rows<decltype(memory)>(args, begin, end); });
  });
}

void swiglu_backward(const SwigluBackwardArgs& args, Stream) {
  with_kind(args.kind, [&](auto memory) {
    for_ranges(args.rows, 0.6 * (double)args.width,
               [&](int64_t begin, int64_t end) { gate_backward_rows<decltype(memory)>(args, begin, end); });
  });
}

}  // namespace astarpo::ASTARPO_ISA
