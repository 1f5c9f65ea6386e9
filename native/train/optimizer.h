#pragma once

#include "native/model/parameters.h"

namespace astarpo {

struct StepOptions {
  double lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.0;
  double clip = 1.0;  // global gradient norm; <= 0: off
};
struct StepResult {
  double grad_norm;  // before clipping, over all parameters
  bool skipped;      // non-finite norm: nothing changed, gradients cleared
};
// AdamW on every parameter that has a gradient; weight decay skips norms and biases (one-dimensional tensors).
StepResult optimizer_step(Parameters& parameters, const StepOptions& options);

}  // namespace astarpo
