#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "native/kernels/reference/table.h"

namespace astarpo::reference {
namespace {

// The candidates of one row, in order of the rules:
//   top_k  keeps the k largest z, and whatever equals the k-th;
//   top_p  takes what is left in order of falling z (lower index first among equals) until its share of the mass that is
//          left reaches top_p; the token that reaches it stays;
//   min_p  keeps tokens whose probability is at least min_p times the largest.
// The largest token always stays.
std::vector<bool> candidates(const std::vector<double>& z, double max, const SampleRow& row) {
  const size_t vocab = z.size();
  std::vector<size_t> order(vocab);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return z[a] > z[b]; });
  size_t kept = vocab;
  if (row.top_k > 0 && static_cast<size_t>(row.top_k) < vocab) {
    kept = static_cast<size_t>(row.top_k);
    while (kept < vocab && z[order[kept]] == z[order[kept - 1]]) ++kept;
  }
  if (row.top_p < 1) {
    double total = 0, mass = 0;
    for (size_t i = 0; i < kept; ++i) total += std::exp(z[order[i]] - max);
    size_t count = 0;
    while (count < kept && (count == 0 || mass < row.top_p * total)) mass += std::exp(z[order[count++]] - max);
    kept = count;
  }
  std::vector<bool> chosen(vocab, false);
  for (size_t i = 0; i < kept; ++i) chosen[order[i]] = i == 0 || std::exp(z[order[i]] - max) >= row.min_p;
  return chosen;
}

}  // namespace

void sample(const SampleArgs& args, Stream) {
  for (int64_t r = 0; r < args.rows; ++r) {
    const SampleRow& row = args.row[r];
    const float* logits = args.logits + r * args.row_stride;
    std::vector<double> z(static_cast<size_t>(args.vocab));
    // z in fp32, as every other table computes it: top_k's ties are defined on these values.
    for (size_t v = 0; v < z.size(); ++v) z[v] = logits[v] * row.inverse_temperature;
    const size_t largest = static_cast<size_t>(std::max_element(logits, logits + args.vocab) - logits);
    const double max = z[largest];
    double sum = 0;
    for (double value : z) sum += std::exp(value - max);
    size_t picked = largest;
    if (!row.greedy) {
      const std::vector<bool> chosen = candidates(z, max, row);
      double mass = 0;
      for (size_t v = 0; v < z.size(); ++v) {
        if (chosen[v]) mass += std::exp(z[v] - max);
      }
      const double target = row.uniform * mass;
      double cumulative = 0;
      for (size_t v = 0; v < z.size(); ++v) {
        if (!chosen[v] || z[v] == -INFINITY) continue;
        cumulative += std::exp(z[v] - max);
        picked = v;  // rounding may leave the sum below the target: then the last candidate
        if (cumulative > target) break;
      }
    }
    args.token[r] = static_cast<int32_t>(picked);
    args.logp[r] = static_cast<float>(z[picked] - (max + std::log(sum)));
  }
}

}  // namespace astarpo::reference
