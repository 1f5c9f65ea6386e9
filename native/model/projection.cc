// Every linear map of a layer, in both directions.
#include "native/model/decoder_impl.h"
#include "native/model/ops.h"

namespace astarpo {

at::Tensor Decoder::Impl::project(const Projection& projection, const at::Tensor& x) const {
  // Of an absent bias: an undefined tensor, which ops::linear takes as none.
  const at::Tensor bias = projection.bias < 0 ? at::Tensor() : value(projection.bias);
  return ops::linear(x, value(projection.weight), bias, options.reproducible);
}

at::Tensor Decoder::Impl::project_backward(const Projection& projection, const at::Tensor& dy, const at::Tensor& x) {
  at::Tensor no_bias;
  return ops::linear_backward(dy, x, value(projection.weight), grad(projection.weight),
                              projection.bias < 0 ? no_bias : grad(projection.bias), options.reproducible);
}

}  // namespace astarpo
