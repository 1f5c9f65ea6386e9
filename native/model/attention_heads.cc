// What lies between the fused product of q, k and v and attention, in both directions: the norms of query and key heads, then the rotation.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "native/model/decoder_impl.h"
#include "native/model/ops.h"

namespace astarpo {

Decoder::Impl::Heads Decoder::Impl::heads(const at::Tensor& qkv) const {
  const int64_t rows = qkv.size(0), width = qkv.stride(0), dim = config.head_dim;
  const int64_t k_begin = config.heads * dim, v_begin = k_begin + config.kv_heads * dim;
  const auto part = [&](int64_t heads, int64_t begin) {
    return qkv.as_strided({rows, heads, dim}, {width, dim, 1}, qkv.storage_offset() + begin);
  };
  return {part(config.heads, 0), part(config.kv_heads, k_begin), part(config.kv_heads, v_begin), part(config.heads + config.kv_heads, 0)};
}

Decoder::Impl::TurnedHeads Decoder::Impl::turn_heads(const LayerParameters& layer, const at::Tensor& qkv, const at::Tensor& positions,
                                                     bool keep_qkv) const {
  TurnedHeads turned{.qkv = qkv};
  if (config.qk_norm) {
    const Heads from = heads(qkv);
    if (keep_qkv) {
      const auto rstd = [&](int64_t heads) { return at::empty({qkv.size(0), heads}, qkv.options().dtype(c10::kFloat)); };
      turned = {.qkv = at::empty_like(qkv), .q_rstd = rstd(config.heads), .k_rstd = rstd(config.kv_heads)};
      heads(turned.qkv).v.copy_(from.v);
    }
    const Heads to = heads(turned.qkv);
    ops::rms_norm_heads(from.q, value(layer.q_norm), config.rms_norm_eps, to.q, turned.q_rstd);
    ops::rms_norm_heads(from.k, value(layer.k_norm), config.rms_norm_eps, to.k, turned.k_rstd);
  }
  ops::rope_(heads(turned.qkv).qk, positions, rope.cos(), rope.sin(), false);
  return turned;
}

void Decoder::Impl::turn_heads_backward(const LayerParameters& layer, const Heads& gradient, const at::Tensor& qkv,
                                        const TurnedHeads& turned, const at::Tensor& positions) {
  ops::rope_(gradient.qk, positions, rope.cos(), rope.sin(), true);
  if (!config.qk_norm) return;
  const Heads from = heads(qkv);
  ops::rms_norm_heads_backward_(gradient.q, from.q, value(layer.q_norm), turned.q_rstd, grad(layer.q_norm));
  ops::rms_norm_heads_backward_(gradient.k, from.k, value(layer.k_norm), turned.k_rstd, grad(layer.k_norm));
}

}  // namespace astarpo
