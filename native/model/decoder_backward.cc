// The chain rule by hand, one layer at a time from the last; each layer's activations are freed as soon as they were used.
#include <limits>
#include <utility>
#include <vector>

#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>

#include "native/model/decoder_impl.h"
#include "native/model/ops.h"

namespace astarpo {

at::Tensor Decoder::Impl::mlp_backward(const LayerParameters& layer, const at::Tensor& dy, const ops::Dropout& dropout,
                                       LayerActivations& kept) {
  at::Tensor gradient = project_backward(layer.down, dy, ops::swiglu(kept.gate_up), dropout);
  gradient = ops::swiglu_backward(gradient, std::exchange(kept.gate_up, {}), true);
  const at::Tensor dnormed = project_backward(layer.gate_up, gradient, kept.post_normed, dropout);
  gradient.reset();
  at::Tensor dx = ops::rms_norm_backward(dnormed, kept.middle, value(layer.post_norm), kept.post_rstd, grad(layer.post_norm));
  kept.post_normed.reset();
  kept.middle.reset();
  return dx.add_(dy);
}

at::Tensor Decoder::Impl::heads_backward(int64_t index, const at::Tensor& dattended, const Activations& all, LayerActivations& kept) {
  const LayerParameters& layer = parameters.layers[static_cast<size_t>(index)];
  TurnedHeads turned{.qkv = kept.qkv};
  if (config.qk_norm) turned = turn_heads(layer, kept.qkv, all.positions, true);
  at::Tensor dqkv = at::empty_like(kept.qkv);
  const Heads heads = this->heads(turned.qkv), dheads = this->heads(dqkv);
  ops::attention_backward(heads.q, heads.k, heads.v, all.segments, {kept.attended, kept.lse}, dattended, attention_scale(), window(index),
                          dheads.q, dheads.k, dheads.v);
  turn_heads_backward(layer, dheads, kept.qkv, turned, all.positions);
  kept.qkv.reset();
  kept.attended.reset();
  kept.lse.reset();
  return dqkv;
}

at::Tensor Decoder::Impl::attention_block_backward(int64_t index, const at::Tensor& dy, const Activations& all, LayerActivations& kept) {
  const LayerParameters& layer = parameters.layers[static_cast<size_t>(index)];
  const int64_t rows = kept.qkv.size(0), width = config.heads * config.head_dim;
  at::Tensor residual = dy;
  const at::Tensor attended = kept.attended.view({dy.size(0), width});
  at::Tensor dattended = project_backward(layer.o, dy, attended, all.dropout).view_as(kept.attended);
  if (index + 1 == config.layers && all.wanted.defined()) {
    // To the kernel the other rows are queries without probabilities (lse = ∞) and without gradient.
    const auto spread = [&](const at::Tensor& picked, double elsewhere) {
      std::vector<int64_t> shape = picked.sizes().vec();
      shape[0] = rows;
      return at::full(shape, elsewhere, picked.options()).index_copy_(0, all.wanted, picked);
    };
    dattended = spread(dattended, 0.0);
    kept.attended = spread(kept.attended, 0.0);
    kept.lse = spread(kept.lse, std::numeric_limits<double>::infinity());
    residual = spread(dy, 0.0);
  }
  const at::Tensor dqkv = heads_backward(index, dattended, all, kept);
  const at::Tensor dnormed = project_backward(layer.qkv, dqkv, kept.normed, all.dropout);
  at::Tensor dx = ops::rms_norm_backward(dnormed, kept.x, value(layer.input_norm), kept.input_rstd, grad(layer.input_norm));
  return dx.add_(residual);
}

void Decoder::backward(std::unique_ptr<Activations> kept, const at::Tensor& dhidden, const AbortFlag* abort) {
  const NoAutograd guard;
  Impl& impl = *impl_;
  if (dhidden.size(0) == 0) return;
  impl.parameters.allocate_gradients();
  at::Tensor dx = ops::rms_norm_backward(dhidden, kept->last, impl.value(impl.parameters.final_norm), kept->last_rstd,
                                         impl.grad(impl.parameters.final_norm));
  kept->last.reset();
  for (int64_t index = impl.config.layers - 1; index >= impl.parameters.first_trainable_layer; --index) {
    if (abort != nullptr) abort->check();
    LayerActivations& activations = kept->layers[static_cast<size_t>(index)];
    dx = impl.mlp_backward(impl.parameters.layers[static_cast<size_t>(index)], dx, kept->dropout, activations);
    dx = impl.attention_block_backward(index, dx, *kept, activations);
    activations = {};
  }
  at::Tensor& dembedding = impl.grad(impl.parameters.embedding);
  if (!dembedding.defined()) return;
  if (impl.config.padding_id >= 0) dx.masked_fill_(kept->ids.eq(impl.config.padding_id).unsqueeze(-1), 0.0);
  ops::embedding_backward(dembedding, kept->ids, dx);
}

at::Tensor Decoder::logits_backward(const at::Tensor& hidden, const at::Tensor& dlogits) {
  const NoAutograd guard;
  impl_->parameters.allocate_gradients();
  at::Tensor no_bias;
  return ops::linear_backward(dlogits, hidden, impl_->value(impl_->parameters.head), impl_->grad(impl_->parameters.head), no_bias,
                              impl_->options.reproducible);
}

}  // namespace astarpo
