#include "native/kernels/cpu/log_softmax.h"
#include "native/kernels/cpu/table.h"

namespace astarpo::ASTARPO_ISA {
namespace {

int64_t first_largest(const float* logits, int64_t vocab) {
  Vec max = negative_infinity();
  for_vectors(vocab, [&](int64_t at, int64_t count) {
    const Vec x = first_lanes(count, load_some(logits + at, count), negative_infinity());
    max = max < x ? x : max;
  });
  const float largest = max_lanes(max);
  for (int64_t v = 0; v < vocab; ++v) {
    if (logits[v] == largest) return v;
  }
  return 0;  // nothing but NaN; logp will say so
}

// Order-preserving map between floats and integers, so that a threshold can be found by bisection over the bits: no sort, and
// every step is one pass over memory that is in the cache.
ASTARPO_INLINE int64_t order_of(float value) {
  int32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits < 0 ? -(int64_t)(bits & 0x7fffffff) : (int64_t)bits;
}
ASTARPO_INLINE float value_of(int64_t order) {
  const uint32_t bits = order < 0 ? 0x80000000u | (uint32_t)(-order) : (uint32_t)order;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// The largest threshold in [low, high] that `enough` accepts; it accepts low.
template <class Enough>
ASTARPO_INLINE float largest_threshold(float low, float high, Enough&& enough) {
  int64_t accepted = order_of(low), rejected = order_of(high) + 1;
  while (rejected - accepted > 1) {
    const int64_t middle = accepted + (rejected - accepted) / 2;
    if (enough(value_of(middle))) {
      accepted = middle;
    } else {
      rejected = middle;
    }
  }
  return value_of(accepted);
}

int64_t count_at_least(const float* z, int64_t vocab, float threshold) {
  IVec counts{};
  for_vectors(vocab, [&](int64_t at, int64_t count) {
    const Vec x = first_lanes(count, load_some(z + at, count), splat(__builtin_nanf("")));
    counts -= x >= splat(threshold);
  });
  int64_t total = 0;
  for (int i = 0; i < kWidth; ++i) total += counts[i];
  return total;
}

// Sum of e where e >= threshold.
double mass_at_least(const float* e, int64_t vocab, float threshold) {
  double total = 0;
  for (int64_t block = 0; block < vocab; block += kVocabularyBlock) {
    Vec sum{};
    for_vectors(minimum(kVocabularyBlock, vocab - block), [&](int64_t at, int64_t count) {
      const Vec x = load_some(e + block + at, count);
      sum += x >= splat(threshold) ? x : Vec{};
    });
    total += (double)sum_lanes(sum);
  }
  return total;
}

// Fills e[vocab] with exp(z − max), 0 where a token is no candidate (rules and order: kernels/reference/sample.cc).
void keep_candidates(float* e, const float* logits, int64_t vocab, const SampleRow& row, float max) {
  const Vec inverse = splat(row.inverse_temperature);
  float lowest = -__builtin_inff();
  if (row.top_k > 0 && row.top_k < vocab) {
    for_vectors(vocab, [&](int64_t at, int64_t count) { store_some(e + at, load_some(logits + at, count) * inverse, count); });
    lowest = largest_threshold(lowest, max, [&](float threshold) { return count_at_least(e, vocab, threshold) >= row.top_k; });
  }
  for_vectors(vocab, [&](int64_t at, int64_t count) {
    const Vec z = load_some(logits + at, count) * inverse;
    store_some(e + at, z >= splat(lowest) ? exponential(z - splat(max)) : Vec{}, count);
  });
  if (row.top_p < 1.0f) {
    const double wanted = (double)row.top_p * mass_at_least(e, vocab, 0.0f);
    const float threshold = largest_threshold(0.0f, 1.0f, [&](float t) { return mass_at_least(e, vocab, t) >= wanted; });
    // Among equals at the threshold the lower index comes first, until the mass is reached.
    double mass = mass_at_least(e, vocab, value_of(order_of(threshold) + 1));
    bool first = mass == 0;
    for (int64_t v = 0; v < vocab; ++v) {
      if (e[v] < threshold) {
        e[v] = 0;
      } else if (e[v] == threshold) {
        if (!first && mass >= wanted) e[v] = 0;
        mass += e[v];
        first = false;
      }
    }
  }
  if (row.min_p > 0.0f) {
    const Vec least = splat(minimum(row.min_p, 1.0f));
    for_vectors(vocab, [&](int64_t at, int64_t count) {
      const Vec x = load_some(e + at, count);
      store_some(e + at, x >= least ? x : Vec{}, count);
    });
  }
}

// Inverse CDF in vocabulary order: first the block, then the token in it. Rounding may leave the sum below the target: then the
// last candidate at hand.
int64_t draw(const float* e, int64_t vocab, double uniform) {
  const auto mass_of = [&](int64_t block) { return mass_at_least(e + block, minimum(kVocabularyBlock, vocab - block), 0.0f); };
  double total = 0;
  int64_t last_block = 0;
  for (int64_t block = 0; block < vocab; block += kVocabularyBlock) {
    const double mass = mass_of(block);
    total += mass;
    if (mass > 0) last_block = block;
  }
  const double target = uniform * total;
  double cumulative = 0;
  int64_t block = 0;
  for (; block < last_block; block += kVocabularyBlock) {
    const double mass = mass_of(block);
    if (mass > 0 && cumulative + mass > target) break;
    cumulative += mass;
  }
  int64_t picked = block;
  for (int64_t v = block; v < minimum(vocab, block + kVocabularyBlock); ++v) {
    if (e[v] == 0) continue;
    cumulative += (double)e[v];
    picked = v;
    if (cumulative > target) break;
  }
  return picked;
}

void sample_row(const SampleArgs& args, int64_t r) {
  const SampleRow& row = args.row[r];
  const float* logits = args.logits + r * args.row_stride;
  const RowSum sum = sum_row(logits, args.vocab, row.inverse_temperature);
  int64_t picked;
  if (row.greedy) {
    picked = first_largest(logits, args.vocab);
  } else {
    float* e = runtime::scratch(runtime::kRow, args.vocab);
    keep_candidates(e, logits, args.vocab, row, sum.max);
    picked = draw(e, args.vocab, row.uniform);
  }
  args.token[r] = (int32_t)picked;
  args.logp[r] = log_prob(sum, logits[picked], row.inverse_temperature);
}

}  // namespace

void sample(const SampleArgs& args, Stream) {
  for_ranges(args.rows, 1.5 * (double)args.vocab, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) sample_row(args, r);
  });
}

}  // namespace astarpo::ASTARPO_ISA
