#include <cmath>

#include "native/kernels/reference/element.h"
#include "native/kernels/reference/table.h"

namespace astarpo::reference {

void adamw(const AdamWArgs& args, Stream) {
  const double correction1 = 1.0 - std::pow(args.beta1, static_cast<double>(args.step));
  const double correction2 = 1.0 - std::pow(args.beta2, static_cast<double>(args.step));
  for (int64_t i = 0; i < args.count; ++i) {
    const double gradient = double{args.grad[i]} * args.grad_scale;
    const double m = args.beta1 * args.exp_avg[i] + (1.0 - args.beta1) * gradient;
    const double v = args.beta2 * args.exp_avg_sq[i] + (1.0 - args.beta2) * gradient * gradient;
    const double decayed = args.master[i] * (1.0 - args.lr * args.weight_decay);
    args.exp_avg[i] = static_cast<float>(m);
    args.exp_avg_sq[i] = static_cast<float>(v);
    args.master[i] = static_cast<float>(decayed - args.lr * (m / correction1) / (std::sqrt(v / correction2) + args.eps));
    if (args.value != args.master) store(args.value, args.kind, i, args.master[i]);
  }
}

}  // namespace astarpo::reference
