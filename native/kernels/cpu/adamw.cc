#include "native/kernels/cpu/simd.h"
#include "native/kernels/cpu/table.h"

namespace astarpo::ASTARPO_ISA {

void adamw(const AdamWArgs& args, Stream) {
  const double correction1 = 1.0 - __builtin_pow(args.beta1, (double)args.step);
  const double correction2 = 1.0 - __builtin_pow(args.beta2, (double)args.step);
  const float scale = args.grad_scale;
  const float beta1 = (float)args.beta1, other1 = (float)(1.0 - args.beta1);
  const float beta2 = (float)args.beta2, other2 = (float)(1.0 - args.beta2);
  const float keep = (float)(1.0 - args.lr * args.weight_decay);
  const float step = (float)(args.lr / correction1);
  const float root = (float)(1.0 / __builtin_sqrt(correction2));
  const float eps = (float)args.eps;
  with_kind(args.kind, [&](auto memory) {
    using M = decltype(memory);
    using F = Memory<Kind::f32>;
    const bool separate = args.value != args.master;
    auto* value = static_cast<typename M::Element*>(args.value);
    const int64_t vectors = divide_up(args.count, kWidth);
    for_ranges(vectors, 1.0 * kWidth, [&](int64_t begin, int64_t end) {
      const int64_t first = begin * kWidth, last = minimum(args.count, end * kWidth);
      for_vectors(last - first, [&](int64_t offset, int64_t count) {
        const int64_t at = first + offset;
        const Vec gradient = get_some<F>(args.grad + at, count) * splat(scale);
        const Vec m = splat(beta1) * get_some<F>(args.exp_avg + at, count) + splat(other1) * gradient;
        const Vec v = splat(beta2) * get_some<F>(args.exp_avg_sq + at, count) + splat(other2) * gradient * gradient;
        const Vec p = get_some<F>(args.master + at, count) * splat(keep) - splat(step) * m / (square_root(v) * splat(root) + splat(eps));
        put_some<F>(args.exp_avg + at, m, count);
        put_some<F>(args.exp_avg_sq + at, v, count);
        put_some<F>(args.master + at, p, count);
        if (separate) put_some<M>(value + at, p, count);
      });
    });
  });
}

}  // namespace astarpo::ASTARPO_ISA
