#include <algorithm>
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

// Of a mask at once where it takes several 64-bit integers per element to make.
constexpr int64_t kMaskElements = int64_t{1} << 22;

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
  const int64_t rows = x.size(0), columns = x.size(1);
  std::vector<int64_t> row_keys, column_steps;
  for (int64_t row = 0; row < rows; ++row) row_keys.push_back(signed_bits(row_key(options.seed, row)));
  for (int64_t column = 1; column <= columns; ++column) column_steps.push_back(signed_bits(static_cast<uint64_t>(column) * kCounterStep));
  const at::Tensor keys = upload(row_keys, at::kLong, x.device()).unsqueeze(1), steps = upload(column_steps, at::kLong, x.device());

  at::Tensor y = x.to(at::kFloat) * (1.0 / (1.0 - options.probability));
  const int64_t piece = std::max<int64_t>(1, kMaskElements / columns);
  for (int64_t row = 0; row < rows; row += piece) {
    const int64_t count = std::min(piece, rows - row);
    at::Tensor bits = keys.narrow(0, row, count) + steps;
    bits = (bits ^ shifted(bits, 30)) * signed_bits(kMixFirst);
    bits = (bits ^ shifted(bits, 27)) * signed_bits(kMixSecond);
    bits = bits ^ shifted(bits, 31);
    y.narrow(0, row, count).masked_fill_(shifted(bits, 32) < signed_bits(threshold(options.probability)), 0.0);
  }
  return y;
}

}  // namespace astarpo::ops
