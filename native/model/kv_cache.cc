#include <algorithm>

#include <ATen/ops/empty.h>

#include "native/model/decoder_impl.h"

namespace astarpo {
namespace {

constexpr int64_t kMinimumCapacity = 64;

at::Tensor grown(const at::Tensor& from, int64_t valid, at::IntArrayRef shape, const at::TensorOptions& options) {
  at::Tensor to = at::empty(shape, options);
  if (valid > 0) to.narrow(0, 0, valid).copy_(from.narrow(0, 0, valid));
  return to;
}

}  // namespace

void KvCache::reserve(const DecoderConfig& config, const ModelOptions& options, int64_t rows) {
  if (rows <= capacity) return;
  const NoAutograd guard;
  const int64_t wanted = std::max(rows, std::min(config.max_positions, std::max(2 * capacity, kMinimumCapacity)));
  const auto tensor_options = at::TensorOptions().dtype(options.dtype).device(options.device);
  const std::array<int64_t, 3> shape{wanted, config.kv_heads, config.head_dim};
  // Built aside: out of memory half-way leaves the cache as it was.
  KvCache larger;
  for (size_t layer = 0; layer < static_cast<size_t>(config.layers); ++layer) {
    larger.k.push_back(grown(k.empty() ? at::Tensor() : k[layer], length, shape, tensor_options));
    larger.v.push_back(grown(v.empty() ? at::Tensor() : v[layer], length, shape, tensor_options));
  }
  k = std::move(larger.k);
  v = std::move(larger.v);
  capacity = wanted;
}

KvCache KvCache::clone() const {
  const NoAutograd guard;
  KvCache copy;
  if (length == 0) return copy;
  copy.length = length;
  copy.capacity = std::min(capacity, length + kMinimumCapacity);
  const auto copied = [&](const at::Tensor& from) {
    return grown(from, length, {copy.capacity, from.size(1), from.size(2)}, from.options());
  };
  for (const at::Tensor& tensor : k) copy.k.push_back(copied(tensor));
  for (const at::Tensor& tensor : v) copy.v.push_back(copied(tensor));
  return copy;
}

}  // namespace astarpo
