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
  at::Tensor qkv;         // after rope, [rows, (heads + 2 kv_heads) head_dim]
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
  Heads heads(const at::Tensor& qkv) const {
    const int64_t rows = qkv.size(0), width = qkv.stride(0), dim = config.head_dim;
    const int64_t k_begin = config.heads * dim, v_begin = k_begin + config.kv_heads * dim;
    const auto part = [&](int64_t heads, int64_t begin) {
      return qkv.as_strided({rows, heads, dim}, {width, dim, 1}, qkv.storage_offset() + begin);
    };
    return {part(config.heads, 0), part(config.kv_heads, k_begin), part(config.kv_heads, v_begin), part(config.heads + config.kv_heads, 0)};
  }
  double attention_scale() const;

  // x + mlp(post_norm(x)) and what its backward needs; `kept` may be null.
  at::Tensor mlp(const LayerParameters& layer, const at::Tensor& x, const ops::Dropout& dropout, LayerActivations* kept) const;

  at::Tensor mlp_backward(const LayerParameters& layer, const at::Tensor& dy, const ops::Dropout& dropout, LayerActivations& kept);
  at::Tensor attention_block_backward(const LayerParameters& layer, const at::Tensor& dy, const Activations& all, bool last,
                                      LayerActivations& kept);
};

}  // namespace astarpo
