#include "native/kernels/cpu/simd.h"
#include "native/kernels/cpu/table.h"

namespace astarpo::ASTARPO_ISA {
namespace {

// `head` counts the heads of all rows; where it begins in a matrix of that row stride.
template <class Args>
ASTARPO_INLINE int64_t head_offset(const Args& args, int64_t head, int64_t row_stride) {
  return head / args.heads * row_stride + head % args.heads * args.columns;
}

template <class M, class W>
void norm_heads(const RmsNormArgs& args, int64_t begin, int64_t end) {
  using X = typename M::Element;
  const auto* weight = static_cast<const typename W::Element*>(args.weight);
  for (int64_t head = begin; head < end; ++head) {
    const X* x = static_cast<const X*>(args.x) + head_offset(args, head, args.x_stride);
    X* y = static_cast<X*>(args.y) + head_offset(args, head, args.y_stride);
    Vec squares{};
    for_vectors(args.columns, [&](int64_t at, int64_t count) {
      const Vec value = get_some<M>(x + at, count);
      squares = fma(value, value, squares);
    });
    const float rstd = 1.0f / __builtin_sqrtf(sum_lanes(squares) / (float)args.columns + args.eps);
    for_vectors(args.columns, [&](int64_t at, int64_t count) {
      put_some<M>(y + at, get_some<M>(x + at, count) * splat(rstd) * get_some<W>(weight + at, count), count);
    });
    if (args.rstd) args.rstd[head] = rstd;
  }
}

template <class M, class W>
void norm_backward_heads(const RmsNormBackwardArgs& args, int64_t begin, int64_t end) {
  using X = typename M::Element;
  const auto* weight = static_cast<const typename W::Element*>(args.weight);
  for (int64_t head = begin; head < end; ++head) {
    const X* x = static_cast<const X*>(args.x) + head_offset(args, head, args.x_stride);
    const X* dy = static_cast<const X*>(args.dy) + head_offset(args, head, args.dy_stride);
    X* dx = static_cast<X*>(args.dx) + head_offset(args, head, args.dx_stride);
    const float rstd = args.rstd[head];
    Vec dot{};
    for_vectors(args.columns, [&](int64_t at, int64_t count) {
      dot = fma(get_some<W>(weight + at, count) * get_some<M>(dy + at, count), get_some<M>(x + at, count), dot);
    });
    const float slope = sum_lanes(dot) * rstd * rstd / (float)args.columns;
    for_vectors(args.columns, [&](int64_t at, int64_t count) {
      const Vec scaled = get_some<W>(weight + at, count) * get_some<M>(dy + at, count);
      put_some<M>(dx + at, splat(rstd) * (scaled - get_some<M>(x + at, count) * splat(slope)), count);
    });
  }
}

// Columns are independent sums over the heads of the rows in order: threads share the columns, never the rows.
template <class M>
void weight_gradient(const RmsNormBackwardArgs& args, int64_t begin, int64_t end) {
  using X = typename M::Element;
  for_vectors(end - begin, [&](int64_t offset, int64_t count) {
    const int64_t at = begin + offset;
    Vec sum{};
    for (int64_t r = 0; r < args.rows; ++r) {
      const X* x = static_cast<const X*>(args.x) + r * args.x_stride + at;
      const X* dy = static_cast<const X*>(args.dy) + r * args.dy_stride + at;
      for (int64_t h = 0; h < args.heads; ++h, x += args.columns, dy += args.columns) {
        sum = fma(get_some<M>(dy, count), get_some<M>(x, count) * splat(args.rstd[r * args.heads + h]), sum);
      }
    }
    using F = Memory<Kind::f32>;
    put_some<F>(args.dweight + at, get_some<F>(args.dweight + at, count) + sum, count);
  });
}

}  // namespace

void rms_norm(const RmsNormArgs& args, Stream) {
  with_kind(args.kind, [&](auto memory) {
    with_kind(args.weight_kind, [&](auto weight_memory) {
      for_ranges(args.rows * args.heads, 0.1 * (double)args.columns,
                 [&](int64_t begin, int64_t end) { norm_heads<decltype(memory), decltype(weight_memory)>(args, begin, end); });
    });
  });
}

void rms_norm_backward(const RmsNormBackwardArgs& args, Stream) {
  with_kind(args.kind, [&](auto memory) {
    // First the weight's gradient: dx may be the memory of dy.
    if (args.dweight) {
      const int64_t vectors = divide_up(args.columns, kWidth);
      for_ranges(vectors, 2.0 * (double)(args.rows * args.heads), [&](int64_t begin, int64_t end) {
        weight_gradient<decltype(memory)>(args, begin * kWidth, minimum(args.columns, end * kWidth));
      });
    }
    with_kind(args.weight_kind, [&](auto weight_memory) {
      for_ranges(args.rows * args.heads, 0.2 * (double)args.columns,
                 [&](int64_t begin, int64_t end) { norm_backward_heads<decltype(memory), decltype(weight_memory)>(args, begin, end); });
    });
  });
}

}  // namespace astarpo::ASTARPO_ISA
