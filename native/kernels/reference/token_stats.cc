#include <cmath>

#include "native/kernels/reference/table.h"

namespace astarpo::reference {
namespace {

double log_sum_exp(const float* logits, int64_t vocab, float inverse_temperature) {
  double max = -INFINITY, sum = 0;
  for (int64_t v = 0; v < vocab; ++v) max = std::fmax(max, double{logits[v]} * inverse_temperature);
  for (int64_t v = 0; v < vocab; ++v) sum += std::exp(double{logits[v]} * inverse_temperature - max);
  return max + std::log(sum);
}

}  // namespace

void token_stats(const TokenStatsArgs& args, Stream) {
  for (int64_t r = 0; r < args.rows; ++r) {
    const float* logits = args.logits + r * args.row_stride;
    const float* other = args.reference_logits ? args.reference_logits + r * args.reference_row_stride : nullptr;
    const float inverse = args.inverse_temperature[r];
    const double lse = log_sum_exp(logits, args.vocab, inverse);
    const double other_lse = other ? log_sum_exp(other, args.vocab, inverse) : 0.0;
    double entropy = 0, kl = 0;
    for (int64_t v = 0; v < args.vocab; ++v) {
      const double log_p = double{logits[v]} * inverse - lse;
      const double p = std::exp(log_p);
      if (p == 0) continue;  // 0 · log 0 = 0
      entropy -= p * log_p;
      if (other) kl += p * (log_p - (double{other[v]} * inverse - other_lse));
    }
    if (args.logp) args.logp[r] = static_cast<float>(double{logits[args.targets[r]]} * inverse - lse);
    if (args.lse) args.lse[r] = static_cast<float>(lse);
    if (args.reference_lse && other) args.reference_lse[r] = static_cast<float>(other_lse);
    if (args.entropy) args.entropy[r] = static_cast<float>(entropy);
    if (args.kl && other) args.kl[r] = static_cast<float>(kl);
  }
}

void token_gradient(const TokenGradientArgs& args, Stream) {
  for (int64_t r = 0; r < args.rows; ++r) {
    float* logits = args.logits + r * args.row_stride;
    const float* other = args.reference_logits ? args.reference_logits + r * args.reference_row_stride : nullptr;
    const double inverse = args.inverse_temperature[r];
    for (int64_t v = 0; v < args.vocab; ++v) {
      const double log_p = logits[v] * inverse - args.lse[r];
      const double p = std::exp(log_p);
      double d = 0;
      if (args.g_logp) d += args.g_logp[r] * ((v == args.targets[r] ? 1.0 : 0.0) - p);
      if (args.g_entropy && p > 0) d -= args.g_entropy[r] * p * (log_p + args.entropy[r]);
      if (args.g_kl && p > 0) d += args.g_kl[r] * p * (log_p - (other[v] * inverse - args.reference_lse[r]) - args.kl[r]);
      logits[v] = static_cast<float>(d * inverse);
    }
  }
}

}  // namespace astarpo::reference
