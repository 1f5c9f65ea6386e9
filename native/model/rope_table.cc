#include "native/model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include "native/error.h"

namespace astarpo {

RopeTable::RopeTable(const DecoderConfig& config, c10::Device device)
    : max_positions_(config.max_positions),
      half_(config.head_dim / 2),
      frequencies_(config.rope_frequencies),
      scale_(config.rope_scale),
      device_(device) {}

void RopeTable::reserve(int64_t count) {
  if (count > max_positions_) {
    throw Error("ASTARPO_CONTEXT", "expected at most " + std::to_string(max_positions_) + " positions, got " + std::to_string(count));
  }
  if (count <= count_) return;
  const int64_t positions = std::min(max_positions_, std::max({count, 2 * count_, int64_t{512}}));
  at::Tensor cos = at::empty({positions, half_}, at::TensorOptions().dtype(c10::kFloat));
  at::Tensor sin = at::empty({positions, half_}, at::TensorOptions().dtype(c10::kFloat));
  float* const cos_data = cos.data_ptr<float>();
  float* const sin_data = sin.data_ptr<float>();
  at::parallel_for(0, positions, 256, [&](int64_t begin, int64_t end) {
    for (int64_t position = begin; position < end; ++position) {
      for (int64_t i = 0; i < half_; ++i) {
        const double angle = static_cast<float>(position) * frequencies_[static_cast<size_t>(i)];
        cos_data[position * half_ + i] = static_cast<float>(scale_ * std::cos(angle));
        sin_data[position * half_ + i] = static_cast<float>(scale_ * std::sin(angle));
      }
    }
  });
  cos_ = cos.to(device_);
  sin_ = sin.to(device_);
  count_ = positions;
}

}  // namespace astarpo
