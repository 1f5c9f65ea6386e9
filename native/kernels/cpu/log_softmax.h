// Sums over one row of logits, shared by token_stats, token_gradient and sample, so that a log-prob is the same number bit for
// bit wherever it is computed. z = logits · inverse_temperature.
#pragma once

#include "native/kernels/cpu/simd.h"

namespace astarpo::ASTARPO_ISA {
namespace {

// Exponentials are summed in fp32 lanes within a block and in double between blocks, always in this order.
constexpr int64_t kVocabularyBlock = 1024;

ASTARPO_INLINE Vec negative_infinity() { return splat(-__builtin_inff()); }

// NaN if any z is NaN: a poisoned row must not look healthy.
ASTARPO_INLINE float largest_z(const float* logits, int64_t vocab, float inverse_temperature) {
  Vec max = negative_infinity();
  IVec nan{};
  for_vectors(vocab, [&](int64_t at, int64_t count) {
    Vec z = load_some(logits + at, count) * splat(inverse_temperature);
    nan |= z != z;
    if (count < kWidth) z = first_lanes(count, z, negative_infinity());
    max = max < z ? z : max;
  });
  for (int i = 0; i < kWidth; ++i) {
    if (nan[i]) return __builtin_nanf("");
  }
  return max_lanes(max);
}

// exp(z − max) for lanes below count, 0 beyond.
ASTARPO_INLINE Vec exponentials(const float* logits, int64_t count, float inverse_temperature, float max) {
  const Vec z = load_some(logits, count) * splat(inverse_temperature);
  const Vec e = exponential(z - splat(max));
  return count == kWidth ? e : first_lanes(count, e, Vec{});
}

ASTARPO_INLINE double block_sum(const float* logits, int64_t length, float inverse_temperature, float max) {
  Vec sum{};
  for_vectors(length, [&](int64_t at, int64_t count) { sum += exponentials(logits + at, count, inverse_temperature, max); });
  return (double)sum_lanes(sum);
}

struct RowSum {
  float max;
  double sum;  // of exp(z − max)
};

ASTARPO_INLINE RowSum sum_row(const float* logits, int64_t vocab, float inverse_temperature) {
  const float max = largest_z(logits, vocab, inverse_temperature);
  double sum = 0;
  for (int64_t at = 0; at < vocab; at += kVocabularyBlock) {
    sum += block_sum(logits + at, minimum(kVocabularyBlock, vocab - at), inverse_temperature, max);
  }
  return {max, sum};
}

ASTARPO_INLINE double log_sum_exp(const RowSum& row) { return (double)row.max + __builtin_log(row.sum); }

ASTARPO_INLINE float log_prob(const RowSum& row, float logit, float inverse_temperature) {
  return (float)((double)(logit * inverse_temperature) - log_sum_exp(row));
}

}  // namespace
}  // namespace astarpo::ASTARPO_ISA
