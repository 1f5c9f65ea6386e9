// The logits of the scored rows themselves. Training never holds more than a chunk of them: this is for tests and tools.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "native/model/abort.h"
#include "native/model/decoder.h"
#include "native/train/pass.h"

namespace astarpo {

inline constexpr int64_t kLargestLogitsBytes = int64_t{1} << 30;

// fp32 [R, vocab], flat, for the rows of the batch in order, before any temperature. Throws ASTARPO_BATCH when they take more than
// kLargestLogitsBytes.
std::vector<float> row_logits(const std::shared_ptr<Decoder>& model, const PackedBatch& batch, const AbortFlag* abort);

}  // namespace astarpo
