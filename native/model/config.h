// What the decoder needs to know of a model. TypeScript reads config.json and passes these plain fields.
#pragma once

#include <cstdint>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace astarpo {

struct DecoderConfig {
  int64_t vocab_size, hidden_size, intermediate_size, layers, heads, kv_heads, head_dim, max_positions;
  double rms_norm_eps, rope_theta;
  bool qkv_bias;  // Qwen2: q, k and v have one, o has none
  bool tied_head;
};

struct ModelOptions {
  c10::Device device{c10::kCPU};
  c10::ScalarType dtype{c10::kFloat};  // kFloat or kBFloat16
  // On the CPU: matrix products and attention go through the kernel table, whose result for a row does not depend on the
  // other rows. Off: ATen's products for bf16, faster there; fp32 takes the table anyway.
  bool reproducible{false};
};

}  // namespace astarpo
