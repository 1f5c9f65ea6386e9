// Every linear map of a layer, in both directions, with its adapters.
#include <ATen/ops/zeros_like.h>

#include "native/model/decoder_impl.h"
#include "native/model/ops.h"
#include "native/random.h"

namespace astarpo {
namespace {

// A projection's own mask in one pass.
ops::Dropout dropout_of(const Projection& projection, const ops::Dropout& pass) {
  return {pass.probability, counter_bits(pass.seed, static_cast<uint64_t>(projection.weight))};
}

}  // namespace

// u · scale per module, u = dropout(x) · Aᵀ in fp32, [rows, Σ rank]. `dropped` is dropout(x).
at::Tensor Decoder::Impl::down_project(const LowRank& adapter, const at::Tensor& dropped) const {
  return ops::mm(dropped, value(adapter.a).t()).mul_(adapter.scales);
}

at::Tensor Decoder::Impl::project(const Projection& projection, const at::Tensor& x, const ops::Dropout& dropout) const {
  // Of an absent bias: an undefined tensor, which ops::linear takes as none.
  const at::Tensor bias = projection.bias < 0 ? at::Tensor() : value(projection.bias);
  const at::Tensor& merged = parameters.all[static_cast<size_t>(projection.weight)].merged;
  if (merged.defined()) return ops::linear(x, merged, bias, options.reproducible);
  at::Tensor y = ops::linear(x, value(projection.weight), bias, options.reproducible);
  const LowRank& adapter = projection.adapter;
  if (adapter.a < 0) return y;
  const at::Tensor u = down_project(adapter, dropout.probability > 0 ? ops::dropout(x, dropout_of(projection, dropout)) : x);
  for (const LowRank::Module& module : adapter.modules)
    ops::addmm_(y.narrow(1, module.row, module.rows), u.narrow(1, module.rank_begin, module.rank), value(module.b).t());
  return y;
}

at::Tensor Decoder::Impl::project_backward(const Projection& projection, const at::Tensor& dy, const at::Tensor& x,
                                           const ops::Dropout& dropout) {
  at::Tensor no_bias;
  at::Tensor dx = ops::linear_backward(dy, x, value(projection.weight), grad(projection.weight),
                                       projection.bias < 0 ? no_bias : grad(projection.bias), options.reproducible);
  const LowRank& adapter = projection.adapter;
  if (adapter.a < 0) return dx;

  // With u and du scaled alike: dBᵐ += dyᵐᵀ · uᵐ, duᵐ = dyᵐ · Bᵐ for every module m, dA += duᵀ · dropout(x), dx += dropout'(du · A).
  const bool drops = dropout.probability > 0;
  const ops::Dropout mask = dropout_of(projection, dropout);
  const at::Tensor dropped = drops ? ops::dropout(x, mask) : x;
  const at::Tensor u = down_project(adapter, dropped);
  at::Tensor du = at::zeros_like(u);
  for (const LowRank::Module& module : adapter.modules) {
    const at::Tensor dy_module = dy.narrow(1, module.row, module.rows);
    ops::addmm_(grad(module.b), dy_module.t(), u.narrow(1, module.rank_begin, module.rank));
    ops::addmm_(du.narrow(1, module.rank_begin, module.rank), dy_module, value(module.b));
  }
  du.mul_(adapter.scales);
  ops::addmm_(grad(adapter.a), du.t(), dropped);
  if (drops) {
    dx.add_(ops::dropout(ops::mm(du, value(adapter.a)), mask));
  } else {
    ops::addmm_(dx, du, value(adapter.a));
  }
  return dx;
}

}  // namespace astarpo
