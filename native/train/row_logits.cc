#include "native/train/row_logits.h"

#include <algorithm>
#include <string>

#include "native/error.h"

namespace astarpo {

std::vector<float> row_logits(const std::shared_ptr<Decoder>& model, const PackedBatch& batch, const AbortFlag* abort) {
  const int64_t vocab = model->config().vocab_size, row_bytes = vocab * static_cast<int64_t>(sizeof(float));
  if (batch.rows() > kLargestLogitsBytes / row_bytes) {
    throw Error("ASTARPO_BATCH", "expected logits of at most " + std::to_string(kLargestLogitsBytes) + " bytes, got " +
                                     std::to_string(batch.rows()) + " rows of " + std::to_string(row_bytes) +
                                     " bytes: ask for fewer tokens by the mask, or for several batches");
  }
  const at::Tensor hidden = reference_rows(model, batch, abort)->hidden;
  std::vector<float> logits;
  logits.reserve(static_cast<size_t>(batch.rows() * vocab));
  const int64_t chunk_rows = std::max<int64_t>(1, kHeadChunkBytes / row_bytes);
  for (int64_t begin = 0; begin < hidden.size(0); begin += chunk_rows) {
    if (abort != nullptr) abort->check();
    const at::Tensor chunk = model->logits(hidden.narrow(0, begin, std::min(chunk_rows, hidden.size(0) - begin))).cpu();
    const float* const values = chunk.data_ptr<float>();
    logits.insert(logits.end(), values, values + chunk.numel());
  }
  return logits;
}

}  // namespace astarpo
