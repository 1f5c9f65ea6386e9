// What the decoder needs to know of a model. TypeScript reads config.json and passes these plain fields.
#pragma once

#include <cstdint>
#include <vector>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace astarpo {

struct DecoderConfig {
  int64_t vocab_size, hidden_size, intermediate_size, layers, heads, kv_heads, head_dim, max_positions;
  double rms_norm_eps;
  // Radians per position of each rotated pair, [head_dim / 2]. TypeScript knows the scaling rules (linear, llama3, yarn); here they
  // are numbers. Cosines and sines are multiplied by rope_scale (yarn's attention factor, else 1).
  std::vector<float> rope_frequencies;
  double rope_scale = 1.0;
  bool qkv_bias = false, o_bias = false, mlp_bias = false;
  bool qk_norm = false;  // RMSNorm over head_dim of every query and key head, before rotation (Qwen3)
  // Per layer: keys that a query sees, its own included; 0 = all before it. Empty: 0 in every layer.
  std::vector<int32_t> windows;
  bool tied_head = false;
  int64_t padding_id = -1;  // this token's embedding learns nothing from being an input, as torch's padding_idx; -1 = none
};

struct ModelOptions {
  c10::Device device{c10::kCPU};
  c10::ScalarType dtype{c10::kFloat};  // kFloat or kBFloat16
  // On the CPU: matrix products and attention go through the kernel table, whose result for a row does not depend on the
  // other rows. Off: ATen's products for bf16, faster there; fp32 takes the table anyway.
  bool reproducible{false};
};

}  // namespace astarpo
