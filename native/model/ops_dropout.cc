#include <cmath>
#include <cstdint>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/bitwise_right_shift.h>

#include "native/model/ops.h"
#include "native/model/ops_aten.h"
#include "native/model/upload.h"
#include "native/random.h"

namespace astarpo::ops {
namespace {

// An element is kept when the upper half of its 64 bits is at least this.
uint64_t threshold(double probability) { return static_cast<uint64_t>(std::llround(probability * 0x1.0p32)); }

// Column c of row r: mix64(key(r) + (c + 1) · kCounterStep), number c of a stream of the row's own.
uint64_t row_key(uint64_t seed, int64_t row) { return mix64(counter_bits(seed, static_cast<uint64_t>(row))); }

}  // namespace

at::Tensor dropout(const at::Tensor& x, const Dropout& options) {
  if (!x.is_cpu()) return aten::dropout(x, options);
  at::Tensor y = x.to(at::kFloat).contiguous();
  if (y.is_same(x)) y = x.clone();
  const int64_t columns = y.size(1);
  const uint64_t least = threshold(options.probability);
  const auto scale = static_cast<float>(1.0 / (1.0 - options.probability));
  float* const values = y.data_ptr<float>();
  at::parallel_for(0, y.size(0), 8, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      uint64_t counter = row_key(options.seed, row);
      for (int64_t column = 0; column < columns; ++column) {
        counter += kCounterStep;
        float& value = values[row * columns + column];
        value = mix64(counter) >> 32 >= least ? value * scale : 0.0F;
      }
    }
  });
  return y;
}

// mix64 in signed 64-bit integers, which wrap, since tensors have no unsigned ones: shifts to the right drop the copies of the sign.
at::Tensor aten::dropout(const at::Tensor& x, const Dropout& options) {
  const auto signed_bits = [](uint64_t bits) { return static_cast<int64_t>(bits); };
  const auto shifted = [](const at::Tensor& bits, int64_t by) {
    return at::bitwise_right_shift(bits, by) & ((int64_t{1} << (64 - by)) - 1);
  };
  std::vector<int64_t> keys, steps;
  for (int64_t row = 0; row < x.size(0); ++row) keys.push_back(signed_bits(row_key(options.seed, row)));
  for (int64_t column = 0; column < x.size(1); ++column) steps.push_back(signed_bits(static_cast<uint64_t>(column + 1) * kCounterStep));
  at::Tensor bits = upload(keys, at::kLong, x.device()).unsqueeze(1) + upload(steps, at::kLong, x.device());
  bits = (bits ^ shifted(bits, 30)) * signed_bits(kMixFirst);
  bits = (bits ^ shifted(bits, 27)) * signed_bits(kMixSecond);
  bits = bits ^ shifted(bits, 31);
  const at::Tensor dropped = shifted(bits, 32) < signed_bits(threshold(options.probability));
  return (x.to(at::kFloat) * (1.0 / (1.0 - options.probability))).masked_fill_(dropped, 0.0);
}

}  // namespace astarpo::ops
