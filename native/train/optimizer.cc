#include "native/train/optimizer.h"

#include <algorithm>
#include <cmath>

#include <ATen/core/LegacyTypeDispatch.h>

#include "native/model/ops.h"

namespace astarpo {

StepResult optimizer_step(Parameters& parameters, const StepOptions& options) {
  const at::AutoDispatchBelowADInplaceOrView guard;
  parameters.require_unmerged();
  double squares = 0;
  for (const Parameter& parameter : parameters.all) {
    if (parameter.grad.defined()) squares += ops::sum_squares(parameter.grad);
  }
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {
    parameters.clear_gradients();
    return {norm, true};
  }
  // The 1e-6 is that of torch.nn.utils.clip_grad_norm_.
  const double scale = options.clip > 0 ? std::min(1.0, options.clip / (norm + 1e-6)) : 1.0;

  parameters.allocate_optimizer_state();
  const int64_t step = parameters.optimizer_step + 1;
  for (Parameter& parameter : parameters.all) {
    if (!parameter.grad.defined()) continue;
    const double weight_decay = parameter.value.dim() > 1 ? options.weight_decay : 0.0;
    at::Tensor& master = parameter.master.defined() ? parameter.master : parameter.value;
    ops::adamw_(master, parameter.exp_avg, parameter.exp_avg_sq, parameter.grad, parameter.value,
                {.lr = options.lr,
                 .beta1 = options.beta1,
                 .beta2 = options.beta2,
                 .eps = options.eps,
                 .weight_decay = weight_decay,
                 .step = step,
                 .grad_scale = static_cast<float>(scale)});
  }
  parameters.optimizer_step = step;
  parameters.clear_gradients();
  return {norm, false};
}

}  // namespace astarpo
