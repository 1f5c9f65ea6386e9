// The two-call update: forward() scores masked rows and keeps the graph; backward() takes dLoss/d(row value) and accumulates
// gradients. Logits exist for one chunk at a time in either direction.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "native/model/abort.h"
#include "native/model/decoder.h"

namespace astarpo {

// Sequences laid end to end. A *row* is one token with mask 1; per-row results have length Σ mask, in order. The logits at position
// t−1 score token t, so the first token of a sequence cannot be masked in.
struct PackedBatch {
  std::vector<int32_t> tokens;     // [N]
  std::vector<int32_t> offsets;    // [n + 1], offsets[0] = 0, offsets[n] = N
  std::vector<uint8_t> mask;       // [N]
  std::vector<float> temperature;  // [n], > 0
  // Throws ASTARPO_BATCH: lengths, order of offsets, ids inside the vocabulary, sequence within max_positions, mask on a first token.
  void check(const DecoderConfig& config) const;
  int64_t rows() const;
};

// The reference's side of a full-vocabulary KL: its hidden rows and its own head, never logits. Keeps the reference alive.
struct ReferenceRows {
  std::shared_ptr<Decoder> model;
  at::Tensor hidden;        // [R, hidden]
  std::vector<float> logp;  // [R]
};

struct ForwardOptions {
  std::shared_ptr<const ReferenceRows> reference{};  // null: no KL
  int64_t reference_begin = 0;                       // this batch's first row among the reference's rows
  bool entropy = false;
  bool keep_graph = false;
  int64_t chunk_bytes = kHeadChunkBytes;   // logits in memory at once, in either direction
  std::optional<uint64_t> dropout_seed{};  // must be given to a pass of an adapter with dropout
};

struct Pass;  // activations, hidden rows, targets; freed by backward or drop
struct ForwardResult {
  std::vector<float> logp, kl, entropy;  // [R]; kl and entropy empty unless asked for
  std::shared_ptr<Pass> pass;            // null unless keep_graph
};

// A graph cannot be kept while the adapter is merged (ASTARPO_ADAPTER). Without keep_graph there is no dropout.
ForwardResult forward(Decoder& model, const PackedBatch& batch, const ForwardOptions& options, const AbortFlag* abort);
std::shared_ptr<ReferenceRows> reference_rows(std::shared_ptr<Decoder> model, const PackedBatch& batch, const AbortFlag* abort);

struct RowGradients {
  std::vector<double> logp;         // [R]
  std::vector<double> kl, entropy;  // [R] or empty
};
// Consumes the pass, also when it throws.
void backward(Decoder& model, std::shared_ptr<Pass> pass, const RowGradients& gradients, const AbortFlag* abort);

}  // namespace astarpo
