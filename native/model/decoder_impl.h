// What decoder.cc (forward) and decoder_backward.cc share. Private to the model.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>

#include "native/model/abort.h"
#include "native/model/decoder.h"
#include "native/model/ops.h"
#include "native/model/rope_table.h"

namespace astarpo {

// Gradients are written by hand, so every ATen call of the model skips the autograd layer of the dispatcher.
using NoAutograd = at::AutoDispatchBelowADInplaceOrView;

// What the backward pass needs of one layer. The products of elementwise work (swiglu) are made again instead of kept.
struct LayerActivations {
  at::Tensor x;           // residual stream that entered, [rows, hidden]
  at::Tensor input_rstd;  // fp32 [rows]
  at::Tensor normed;      // input of qkv
  at::Tensor qkv;         // [rows, (heads + 2 kv_heads) head_dim]: after rope; with q/k norm before both, which are then done again
  // From here on only the wanted rows in the last layer.
  at::Tensor attended;   // [rows, heads, head_dim]
  at::Tensor lse;        // fp32 [rows, heads]
  at::Tensor middle;     // residual stream after attention
  at::Tensor post_rstd;  // fp32
  at::Tensor post_normed;
  at::Tensor gate_up;
};

struct Activations {
  at::Tensor ids;        // int32 [rows]
  at::Tensor positions;  // int32 [rows]
  at::Tensor wanted;     // int64; undefined: all rows
  std::vector<std::pair<int64_t, int64_t>> segments;
  std::vector<LayerActivations> layers;  // of those below the first trainable layer nothing is kept
  ops::Dropout dropout;                  // of the adapters' inputs
  at::Tensor last;                       // residual stream before the final norm, [wanted rows, hidden]
  at::Tensor last_rstd;                  // fp32
};

struct Decoder::Impl {
  Impl(DecoderConfig config, ModelOptions options)
      : config(config), options(options), parameters(config, options), rope(config, options.device) {}
  Impl(const Impl& other, AdapterCopy adapter)
      : config(other.config), options(other.options), parameters(other.parameters.frozen_copy(adapter)), rope(other.rope) {}

  DecoderConfig config;
  ModelOptions options;
  Parameters parameters;
  RopeTable rope;

  const at::Tensor& value(int64_t index) const { return parameters.all[static_cast<size_t>(index)].value; }
  at::Tensor& grad(int64_t index) { return parameters.all[static_cast<size_t>(index)].grad; }
  // projection.cc: x[rows, in] · weightᵀ + bias and what the adapters add. dropout: the pass's, of their input alone.
  at::Tensor project(const Projection& projection, const at::Tensor& x, const ops::Dropout& dropout) const;
  // Accumulates the gradients of what is trainable; returns dx.
  at::Tensor project_backward(const Projection& projection, const at::Tensor& dy, const at::Tensor& x, const ops::Dropout& dropout);
  at::Tensor down_project(const LowRank& adapter, const at::Tensor& dropped) const;

  struct Heads {
    at::Tensor q, k, v;  // [rows, heads | kv_heads, head_dim] views of a fused matrix
    at::Tensor qk;       // [rows, heads + kv_heads, head_dim]: the neighbours that rope turns together
  };
  Heads heads(const at::Tensor& qkv) const;

  // attention_heads.cc: q and k as attention takes them, normed if the model does that, then rotated.
  struct TurnedHeads {
    at::Tensor qkv;
    at::Tensor q_rstd, k_rstd;  // fp32 [rows, heads], [rows, kv_heads]; undefined unless qkv was normed and kept
  };
  // keep_qkv: the given matrix stays as it is where it is normed, for the backward pass; else (and without norms) all is in place.
  TurnedHeads turn_heads(const LayerParameters& layer, const at::Tensor& qkv, const at::Tensor& positions, bool keep_qkv) const;
  // In place on the gradient of what attention took. `qkv` is what turn_heads was given.
  void turn_heads_backward(const LayerParameters& layer, const Heads& gradient, const at::Tensor& qkv, const TurnedHeads& turned,
                           const at::Tensor& positions);

  double attention_scale() const;
  int64_t window(int64_t layer) const;  // 0 = all keys

  // x + mlp(post_norm(x)) and what its backward needs; `kept` may be null.
  at::Tensor mlp(const LayerParameters& layer, const at::Tensor& x, const ops::Dropout& dropout, LayerActivations* kept) const;

  at::Tensor mlp_backward(const LayerParameters& layer, const at::Tensor& dy, const ops::Dropout& dropout, LayerActivations& kept);
  // The gradient of the fused product of q, k and v.
  at::Tensor heads_backward(int64_t index, const at::Tensor& dattended, const Activations& all, LayerActivations& kept);
  at::Tensor attention_block_backward(int64_t index, const at::Tensor& dy, const Activations& all, LayerActivations& kept);
};

}  // namespace astarpo
