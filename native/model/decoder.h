// Causal decoder of the Llama line (Llama, Mistral, Qwen2, Qwen3) over flat rows: no [batch, time] rectangle anywhere. Training, prefill
// and decode are the same function; they differ in where a segment's keys live.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "native/model/config.h"
#include "native/model/parameters.h"

namespace astarpo {

// Keys and values of one sequence, every layer, contiguous; grows by doubling.
struct KvCache {
  std::vector<at::Tensor> k, v;  // per layer [capacity, kv_heads, head_dim], model dtype
  int64_t length = 0;            // keys that are valid
  int64_t capacity = 0;
  void reserve(const DecoderConfig& config, const ModelOptions& options, int64_t rows);
  KvCache clone() const;  // deep copy (fork)
};

// Rows [begin, begin + length) of the batch belong to one sequence. With a cache, its keys 0…cache->length−1 come first and the
// rows' own keys are appended (cache->length grows by `length`); positions continue from there. Without, the rows start at 0.
struct RowSegment {
  int64_t begin, length;
  KvCache* cache;  // null in training and scoring
};

struct RowBatch {
  std::vector<int32_t> tokens;  // [rows]
  std::vector<RowSegment> segments;
  // Rows whose hidden state is asked for, ascending; absent: all. The last layer computes nothing else beyond its keys, so a
  // prefill should ask for its last row only, or for none.
  std::optional<std::vector<int32_t>> wanted;
};

// What the backward pass needs, kept by a forward that asked for it.
struct Activations;

// Polled between layers; throws ASTARPO_ABORTED when set. Null: never aborted.
class AbortFlag;

class Decoder {
 public:
  Decoder(DecoderConfig config, ModelOptions options);
  ~Decoder();

  const DecoderConfig& config() const;
  const ModelOptions& options() const;
  Parameters& parameters();
  const Parameters& parameters() const;

  // Hidden rows after the final norm, [wanted rows, hidden]. `keep` non-null keeps what backward() needs; such a batch has no
  // caches. Caches grow only when the call succeeds. `dropout_seed` decides what an adapter's dropout leaves out of a pass that is
  // kept. Throws ASTARPO_CONTEXT past max_positions, ASTARPO_TOKEN_RANGE.
  at::Tensor forward(const RowBatch& batch, std::unique_ptr<Activations>* keep, const AbortFlag* abort, uint64_t dropout_seed = 0);
  // Accumulates parameter gradients (fp32) from dLoss/d(hidden rows), [wanted rows, hidden]; consumes the activations.
  void backward(std::unique_ptr<Activations> kept, const at::Tensor& dhidden, const AbortFlag* abort);

  // fp32 logits [rows, vocab] of hidden rows; train/pass.cc walks the head and its gradient in chunks.
  at::Tensor logits(const at::Tensor& hidden);
  // dhidden of fp32 dlogits, and the head's gradient accumulated.
  at::Tensor logits_backward(const at::Tensor& hidden, const at::Tensor& dlogits);

  std::unique_ptr<Decoder> frozen_copy(AdapterCopy adapter = AdapterCopy::copy) const;

 private:
  struct Impl;
  explicit Decoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Logits per chunk never take more than this many bytes; at least one row per chunk.
inline constexpr int64_t kHeadChunkBytes = 64LL << 20;

}  // namespace astarpo
