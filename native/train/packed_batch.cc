#include <cmath>
#include <numeric>
#include <string>

#include "native/train/pass.h"

namespace astarpo {
namespace {

[[noreturn]] void reject(const std::string& message) { throw Error("ASTARPO_BATCH", message); }

std::string of_sequence(size_t sequence) { return " in sequence " + std::to_string(sequence); }

}  // namespace

void PackedBatch::check(const DecoderConfig& config) const {
  if (mask.size() != tokens.size())
    reject("expected as many mask entries as tokens, got " + std::to_string(mask.size()) + " and " + std::to_string(tokens.size()));
  if (offsets.empty()) reject("expected offsets to hold one entry more than there are sequences, got none");
  const size_t sequences = offsets.size() - 1;
  if (temperature.size() != sequences)
    reject("expected one temperature per sequence (" + std::to_string(sequences) + "), got " + std::to_string(temperature.size()));
  if (offsets.front() != 0 || static_cast<size_t>(offsets.back()) != tokens.size() || offsets.back() < 0) {
    reject("expected offsets from 0 to " + std::to_string(tokens.size()) + ", got " + std::to_string(offsets.front()) + " to " +
           std::to_string(offsets.back()));
  }
  for (size_t sequence = 0; sequence < sequences; ++sequence) {
    const int64_t begin = offsets[sequence], end = offsets[sequence + 1];
    if (end < begin || end > offsets.back())
      reject("expected offsets in ascending order, got " + std::to_string(begin) + " before " + std::to_string(end));
    if (end - begin > config.max_positions) {
      reject("expected at most " + std::to_string(config.max_positions) + " tokens, got " + std::to_string(end - begin) +
             of_sequence(sequence));
    }
    if (!(temperature[sequence] > 0) || !std::isfinite(1.0F / temperature[sequence])) {
      reject("expected a positive temperature, got " + std::to_string(temperature[sequence]) + of_sequence(sequence));
    }
    if (end > begin && mask[static_cast<size_t>(begin)] != 0)
      reject("expected mask 0 on the first token, which nothing predicts, got 1" + of_sequence(sequence));
    for (int64_t t = begin; t < end; ++t) {
      const int32_t id = tokens[static_cast<size_t>(t)];
      if (id < 0 || id >= config.vocab_size)
        reject("expected token ids below " + std::to_string(config.vocab_size) + ", got " + std::to_string(id) + of_sequence(sequence));
      if (mask[static_cast<size_t>(t)] > 1)
        reject("expected mask entries 0 or 1, got " + std::to_string(mask[static_cast<size_t>(t)]) + of_sequence(sequence));
    }
  }
}

int64_t PackedBatch::rows() const { return std::accumulate(mask.begin(), mask.end(), int64_t{0}); }

}  // namespace astarpo
