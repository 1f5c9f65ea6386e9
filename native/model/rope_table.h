// Angle tables of rotary position embedding (Su et al. 2021), half-split layout of Hugging Face.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "native/model/config.h"

namespace astarpo {

// scale · cos and scale · sin of position · frequency[i], fp32 [positions, head_dim / 2]. The angle is rounded to fp32, as in the code
// that the models were trained with; its cosine is not. Grows by doubling up to max_positions, since configurations name far more
// positions than most runs use.
class RopeTable {
 public:
  RopeTable(const DecoderConfig& config, c10::Device device);
  // Makes positions 0 … count−1 available. Throws ASTARPO_CONTEXT past max_positions.
  void reserve(int64_t count);
  const at::Tensor& cos() const { return cos_; }
  const at::Tensor& sin() const { return sin_; }

 private:
  int64_t max_positions_, half_;
  std::vector<float> frequencies_;
  double scale_;
  c10::Device device_;
  int64_t count_ = 0;
  at::Tensor cos_, sin_;
};

}  // namespace astarpo
