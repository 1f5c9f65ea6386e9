#include "native/kernels/cpu/log_softmax.h"
#include "native/kernels/cpu/table.h"

namespace astarpo::ASTARPO_ISA {
namespace {

// With e = exp(z − max) and S its sum: H = log S − Σ e·(z − max) / S.
double entropy_of(const float* logits, int64_t vocab, float inverse, const RowSum& row) {
  double weighted = 0;
  for (int64_t block = 0; block < vocab; block += kVocabularyBlock) {
    Vec sum{};
    for_vectors(minimum(kVocabularyBlock, vocab - block), [&](int64_t at, int64_t count) {
      const Vec e = exponentials(logits + block + at, count, inverse, row.max);
      const Vec distance = load_some(logits + block + at, count) * splat(inverse) - splat(row.max);
      sum += e == Vec{} ? Vec{} : e * distance;  // 0 · −inf is 0 here
    });
    weighted += (double)sum_lanes(sum);
  }
  return __builtin_log(row.sum) - weighted / row.sum;
}

// KL = Σ e·((z − max) − (z' − max')) / S − log S + log S': differences of like numbers, exactly 0 for equal rows.
double kl_of(const float* logits, const float* other, int64_t vocab, float inverse, const RowSum& row, const RowSum& other_row) {
  double weighted = 0;
  for (int64_t block = 0; block < vocab; block += kVocabularyBlock) {
    Vec sum{};
    for_vectors(minimum(kVocabularyBlock, vocab - block), [&](int64_t at, int64_t count) {
      const Vec e = exponentials(logits + block + at, count, inverse, row.max);
      const Vec distance = load_some(logits + block + at, count) * splat(inverse) - splat(row.max);
      const Vec other_distance = load_some(other + block + at, count) * splat(inverse) - splat(other_row.max);
      sum += e == Vec{} ? Vec{} : e * (distance - other_distance);
    });
    weighted += (double)sum_lanes(sum);
  }
  return weighted / row.sum - (__builtin_log(row.sum) - __builtin_log(other_row.sum));
}

void stats_of_row(const TokenStatsArgs& args, int64_t r) {
  const float* logits = args.logits + r * args.row_stride;
  const float inverse = args.inverse_temperature[r];
  const RowSum row = sum_row(logits, args.vocab, inverse);
  if (args.logp) args.logp[r] = log_prob(row, logits[args.targets[r]], inverse);
  if (args.lse) args.lse[r] = (float)log_sum_exp(row);
  if (args.entropy) args.entropy[r] = (float)entropy_of(logits, args.vocab, inverse, row);
  if (args.reference_logits && (args.kl || args.reference_lse)) {
    const float* other = args.reference_logits + r * args.reference_row_stride;
    const RowSum other_row = sum_row(other, args.vocab, inverse);
    if (args.reference_lse) args.reference_lse[r] = (float)log_sum_exp(other_row);
    if (args.kl) args.kl[r] = (float)kl_of(logits, other, args.vocab, inverse, row, other_row);
  }
}

void gradient_of_row(const TokenGradientArgs& args, int64_t r) {
  float* logits = args.logits + r * args.row_stride;
  const float* other = args.g_kl ? args.reference_logits + r * args.reference_row_stride : nullptr;
  const float inverse = args.inverse_temperature[r];
  const float g_logp = args.g_logp ? args.g_logp[r] : 0.0f;
  const float g_entropy = args.g_entropy ? args.g_entropy[r] : 0.0f;
  const float g_kl = args.g_kl ? args.g_kl[r] : 0.0f;
  const float entropy = args.g_entropy ? args.entropy[r] : 0.0f;
  const float shift = args.g_kl ? args.lse[r] - args.reference_lse[r] + args.kl[r] : 0.0f;
  for_vectors(args.vocab, [&](int64_t at, int64_t count) {
    const Vec z = load_some(logits + at, count) * splat(inverse);
    const Vec log_p = z - splat(args.lse[r]);
    const Vec p = exponential(log_p);
    Vec slope = splat(-g_logp);
    if (args.g_entropy) slope -= splat(g_entropy) * (log_p + splat(entropy));
    if (other) slope += splat(g_kl) * ((z - load_some(other + at, count) * splat(inverse)) - splat(shift));
    const Vec d = p == Vec{} ? Vec{} : p * slope;
    store_some(logits + at, d * splat(inverse), count);
  });
  logits[args.targets[r]] += g_logp * inverse;
}

}  // namespace

void token_stats(const TokenStatsArgs& args, Stream) {
  for_ranges(args.rows, (args.reference_logits ? 0.6 : 0.2) * (double)args.vocab, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) stats_of_row(args, r);
  });
}

void token_gradient(const TokenGradientArgs& args, Stream) {
  for_ranges(args.rows, 0.3 * (double)args.vocab, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) gradient_of_row(args, r);
  });
}

}  // namespace astarpo::ASTARPO_ISA
