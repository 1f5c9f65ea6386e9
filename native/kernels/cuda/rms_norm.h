#pragma once

#include "native/kernels/ops.h"

namespace astarpo::cuda {

void rms_norm(const RmsNormArgs& args, Stream stream);

}  // namespace astarpo::cuda
