// Token statistics, their gradient, and sampling.
#include <limits>

#include "tests/native/kernels_fixtures.h"

namespace astarpo {
namespace {

using test::Buffer;
using test::Random;

std::vector<float> random_logits(int64_t count, Random& random, double scale) {
  std::vector<float> logits;
  for (int64_t i = 0; i < count; ++i) logits.push_back(random.between(-scale, scale));
  return logits;
}

struct Stats {
  std::vector<float> logp, lse, reference_lse, entropy, kl;
};

struct Rows {
  int64_t rows, vocab, stride;
  std::vector<float> logits, other, inverse_temperature;
  std::vector<int32_t> targets;
};

Rows rows_of(int64_t rows, int64_t vocab, uint64_t seed, double scale = 6.0) {
  Random random(seed);
  Rows r{rows, vocab, vocab + 3, {}, {}, {}, {}};
  r.logits = random_logits(rows * r.stride, random, scale);
  r.other = random_logits(rows * r.stride, random, scale);
  for (int64_t i = 0; i < rows; ++i) {
    r.inverse_temperature.push_back(random.between(0.5, 2.0));
    r.targets.push_back(static_cast<int32_t>(random.integer(0, vocab - 1)));
  }
  return r;
}

Stats stats_of(const Ops& table, const Rows& r) {
  const size_t n = static_cast<size_t>(r.rows);
  Stats s{std::vector<float>(n), std::vector<float>(n), std::vector<float>(n), std::vector<float>(n), std::vector<float>(n)};
  table.token_stats({r.rows, r.vocab, r.logits.data(), r.stride, r.other.data(), r.stride, r.inverse_temperature.data(), r.targets.data(),
                     s.logp.data(), s.lse.data(), s.reference_lse.data(), s.entropy.data(), s.kl.data()},
                    nullptr);
  return s;
}

TEST(TokenStats, MatchTheReference) {
  for (const Ops* table : test::cpu_tables()) {
    for (const int64_t vocab : {1, 5, 16, 37, 1000, 1024, 5003}) {
      const Rows r = rows_of(9, vocab, static_cast<uint64_t>(vocab));
      const Stats expected = stats_of(reference_ops(), r), actual = stats_of(*table, r);
      const std::string name = std::string(table->name) + " vocab " + std::to_string(vocab);
      test::expect_close(actual.logp, expected.logp, 1e-6, name + " logp");
      test::expect_close(actual.lse, expected.lse, 1e-6, name + " lse");
      test::expect_close(actual.reference_lse, expected.reference_lse, 1e-6, name + " reference_lse");
      test::expect_close(actual.entropy, expected.entropy, 3e-6, name + " entropy");
      test::expect_close(actual.kl, expected.kl, 3e-6, name + " kl");
    }
  }
}

TEST(TokenStats, OfExtremeRowsStayRight) {
  const float infinity = std::numeric_limits<float>::infinity();
  Rows r = rows_of(4, 40, 3);
  for (int64_t v = 0; v < 40; ++v) {
    r.logits[static_cast<size_t>(v)] = v == 7 ? 3.0f : -infinity;  // one token is certain, the rest impossible
    r.other[static_cast<size_t>(v)] = v == 7 ? 1.0f : -infinity;
    r.logits[static_cast<size_t>(r.stride + v)] = 1e4f + static_cast<float>(v % 3);
  }
  std::copy_n(r.logits.begin() + 2 * r.stride, 40, r.other.begin() + 2 * r.stride);
  r.logits[static_cast<size_t>(3 * r.stride + 5)] = std::nanf("");
  r.targets[0] = 7;
  std::vector<const Ops*> tables = test::cpu_tables();
  tables.push_back(&reference_ops());
  for (const Ops* table : tables) {
    const Stats s = stats_of(*table, r);
    EXPECT_EQ(s.logp[0], 0.0f) << table->name;
    EXPECT_EQ(s.entropy[0], 0.0f) << table->name;
    EXPECT_EQ(s.kl[0], 0.0f) << table->name;
    EXPECT_TRUE(std::isfinite(s.logp[1])) << table->name;
    EXPECT_NEAR(s.kl[2], 0.0f, table == &reference_ops() ? 1e-7 : 0.0) << table->name << ": equal rows";
    EXPECT_TRUE(std::isnan(s.logp[3])) << table->name << " must not hide a NaN";
  }
}

TEST(TokenStats, ARowDoesNotDependOnItsNeighbours) {
  for (const Ops* table : test::cpu_tables()) {
    const Rows r = rows_of(400, 300, 12);
    Stats one = stats_of(*table, r), two = one;
    test::with_threads(1, [&] { one = stats_of(*table, r); });
    test::with_threads(2, [&] { two = stats_of(*table, r); });
    EXPECT_EQ(one.logp, two.logp);
    EXPECT_EQ(one.kl, two.kl);
    Rows single = r;
    single.rows = 1;
    single.logits.erase(single.logits.begin(), single.logits.begin() + 17 * r.stride);
    single.other.erase(single.other.begin(), single.other.begin() + 17 * r.stride);
    single.inverse_temperature = {r.inverse_temperature[17]};
    single.targets = {r.targets[17]};
    const Stats alone = stats_of(*table, single);
    EXPECT_EQ(alone.logp[0], one.logp[17]) << table->name;
    EXPECT_EQ(alone.entropy[0], one.entropy[17]) << table->name;
  }
}

std::vector<float> gradient_of(const Ops& table, const Rows& r, const Stats& s, const std::vector<float>& g_logp,
                               const std::vector<float>* g_entropy, const std::vector<float>* g_kl) {
  std::vector<float> logits = r.logits;
  table.token_gradient({r.rows, r.vocab, logits.data(), r.stride, g_kl ? r.other.data() : nullptr, r.stride, r.inverse_temperature.data(),
                        r.targets.data(), s.lse.data(), s.reference_lse.data(), s.entropy.data(), s.kl.data(), g_logp.data(),
                        g_entropy ? g_entropy->data() : nullptr, g_kl ? g_kl->data() : nullptr},
                       nullptr);
  return logits;
}

TEST(TokenGradient, MatchesTheReference) {
  for (const Ops* table : test::cpu_tables()) {
    for (const int64_t vocab : {1, 16, 37, 1025}) {
      const Rows r = rows_of(6, vocab, 50 + static_cast<uint64_t>(vocab));
      const Stats s = stats_of(reference_ops(), r);
      Random random(4);
      const std::vector<float> g_logp = random_logits(6, random, 2), g_entropy = random_logits(6, random, 2),
                               g_kl = random_logits(6, random, 2);
      for (const bool entropy : {false, true}) {
        for (const bool kl : {false, true}) {
          const auto run = [&](const Ops& ops) {
            return gradient_of(ops, r, s, g_logp, entropy ? &g_entropy : nullptr, kl ? &g_kl : nullptr);
          };
          test::expect_close(run(*table), run(reference_ops()), 5e-6, std::string(table->name) + " vocab " + std::to_string(vocab));
        }
      }
    }
  }
}

TEST(TokenGradient, OfTheReferenceAgreesWithFiniteDifferences) {
  Rows r = rows_of(3, 11, 77, 2.0);
  Random random(5);
  const std::vector<float> g_logp = random_logits(3, random, 2), g_entropy = random_logits(3, random, 2),
                           g_kl = random_logits(3, random, 2);
  const std::vector<float> gradient = gradient_of(reference_ops(), r, stats_of(reference_ops(), r), g_logp, &g_entropy, &g_kl);
  const auto loss = [&] {
    const Stats s = stats_of(reference_ops(), r);
    double sum = 0;
    for (size_t i = 0; i < 3; ++i) sum += double{g_logp[i]} * s.logp[i] + double{g_entropy[i]} * s.entropy[i] + double{g_kl[i]} * s.kl[i];
    return sum;
  };
  for (int64_t row = 0; row < r.rows; ++row) {
    for (int64_t v = 0; v < r.vocab; ++v) {
      float& logit = r.logits[static_cast<size_t>(row * r.stride + v)];
      const float value = logit, h = 1e-2f;
      logit = value + h;
      const double above = loss();
      logit = value - h;
      const double below = loss();
      logit = value;
      EXPECT_NEAR(gradient[static_cast<size_t>(row * r.stride + v)], (above - below) / (2 * h), 3e-4);
    }
  }
}

struct Drawn {
  std::vector<int32_t> token;
  std::vector<float> logp;
};

Drawn draw(const Ops& table, const std::vector<float>& logits, int64_t vocab, const std::vector<SampleRow>& rows, int64_t stride) {
  Drawn d{std::vector<int32_t>(rows.size()), std::vector<float>(rows.size())};
  table.sample({static_cast<int64_t>(rows.size()), vocab, logits.data(), stride, rows.data(), d.token.data(), d.logp.data()}, nullptr);
  return d;
}

TEST(Sample, PicksWhatTheReferencePicks) {
  for (const Ops* table : test::cpu_tables()) {
    Random random(33);
    int64_t different = 0, total = 0;
    for (const int64_t vocab : {1, 2, 17, 100, 3000}) {
      for (int round = 0; round < 40; ++round) {
        std::vector<float> logits = random_logits(8 * vocab, random, 4.0);
        if (round % 4 == 0) {
          for (float& logit : logits) logit = std::round(logit);  // many equals
        }
        std::vector<SampleRow> rows;
        for (int i = 0; i < 8; ++i) {
          rows.push_back({random.between(0.5, 2.0), random.one_of({1.0f, 0.9f, 0.5f, 0.0f}), random.one_of({0.0f, 0.05f, 0.4f}),
                          random.one_of<int32_t>({0, 1, 5, 50}), random.one_of<int32_t>({0, 0, 0, 1}), random.uniform()});
        }
        const Drawn expected = draw(reference_ops(), logits, vocab, rows, vocab), actual = draw(*table, logits, vocab, rows, vocab);
        for (size_t i = 0; i < rows.size(); ++i, ++total) {
          if (actual.token[i] != expected.token[i]) {
            ++different;  // a uniform number may fall between two roundings of the same boundary
          } else {
            ASSERT_NEAR(actual.logp[i], expected.logp[i], 2e-6 * (1 + std::fabs(expected.logp[i]))) << table->name;
          }
        }
      }
    }
    EXPECT_LE(different, total / 500) << table->name;
  }
}

TEST(Sample, LogpIsTokenStatsBitForBit) {
  for (const Ops* table : test::cpu_tables()) {
    for (const int64_t vocab : {5, 1000, 5003}) {
      Random random(static_cast<uint64_t>(vocab));
      const int64_t count = 64;
      const std::vector<float> logits = random_logits(count * vocab, random, 8.0);
      std::vector<SampleRow> rows;
      std::vector<float> inverse;
      for (int64_t i = 0; i < count; ++i) {
        inverse.push_back(random.between(0.5, 2.0));
        rows.push_back({inverse.back(), i % 3 ? 1.0f : 0.8f, 0.0f, i % 5 ? 0 : 20, i % 7 == 0, random.uniform()});
      }
      const Drawn drawn = draw(*table, logits, vocab, rows, vocab);
      std::vector<float> logp(static_cast<size_t>(count));
      table->token_stats({count, vocab, logits.data(), vocab, nullptr, 0, inverse.data(), drawn.token.data(), logp.data(), nullptr, nullptr,
                          nullptr, nullptr},
                         nullptr);
      EXPECT_EQ(logp, drawn.logp) << table->name << " vocab " << vocab;
    }
  }
}

TEST(Sample, GreedyTakesTheLowestOfEquals) {
  std::vector<const Ops*> tables = test::cpu_tables();
  tables.push_back(&reference_ops());
  for (const Ops* table : tables) {
    std::vector<float> logits(50, 0.25f);
    logits[31] = logits[12] = logits[40] = 2.0f;
    EXPECT_EQ(draw(*table, logits, 50, {{1.0f, 1.0f, 0.0f, 0, 1, 0.9}}, 50).token[0], 12) << table->name;
  }
}

TEST(Sample, NeverPicksWhatTheRulesExclude) {
  std::vector<const Ops*> tables = test::cpu_tables();
  tables.push_back(&reference_ops());
  for (const Ops* table : tables) {
    // p = 0.4, 0.3, 0.2, 0.1 shuffled, and one impossible token.
    const std::vector<float> logits{std::log(0.1f), std::log(0.4f), -INFINITY, std::log(0.3f), std::log(0.2f)};
    const auto tokens = [&](SampleRow row) {
      std::vector<bool> seen(5, false);
      for (int i = 0; i < 1000; ++i) {
        row.uniform = i / 1000.0;
        seen[static_cast<size_t>(draw(*table, logits, 5, {row}, 5).token[0])] = true;
      }
      return seen;
    };
    EXPECT_EQ(tokens({1.0f, 1.0f, 0.0f, 0, 0, 0}), (std::vector<bool>{true, true, false, true, true})) << table->name;
    EXPECT_EQ(tokens({1.0f, 1.0f, 0.0f, 2, 0, 0}), (std::vector<bool>{false, true, false, true, false})) << table->name;
    EXPECT_EQ(tokens({1.0f, 0.75f, 0.0f, 0, 0, 0}), (std::vector<bool>{false, true, false, true, true})) << table->name;
    EXPECT_EQ(tokens({1.0f, 0.5f, 0.0f, 0, 0, 0}), (std::vector<bool>{false, true, false, true, false})) << table->name;
    EXPECT_EQ(tokens({1.0f, 1.0f, 0.45f, 0, 0, 0}), (std::vector<bool>{false, true, false, true, true})) << table->name;
    EXPECT_EQ(tokens({1.0f, 0.0f, 0.0f, 0, 0, 0}), (std::vector<bool>{false, true, false, false, false})) << table->name;
  }
}

// Frequencies against probabilities: Σ (n − N·p)² / (N·p) stays below the 99.99 % point of chi-square (normal approximation of
// Wilson and Hilferty).
TEST(Sample, FrequenciesFollowTheProbabilities) {
  for (const Ops* table : test::cpu_tables()) {
    Random random(2024);
    const int64_t vocab = 60, draws = 60000;
    const std::vector<float> logits = random_logits(vocab, random, 2.0);
    const float inverse = 0.8f;
    std::vector<SampleRow> rows;
    for (int64_t i = 0; i < draws; ++i) rows.push_back({inverse, 1.0f, 0.0f, 0, 0, random.uniform()});
    const Drawn drawn = draw(*table, logits, vocab, rows, 0);  // stride 0: every row is the same
    std::vector<double> count(static_cast<size_t>(vocab), 0.0), p;
    for (const int32_t token : drawn.token) count[static_cast<size_t>(token)] += 1;
    double sum = 0, chi = 0;
    for (const float logit : logits) p.push_back(std::exp(double{logit} * inverse)), sum += p.back();
    for (size_t v = 0; v < p.size(); ++v) {
      const double expected = static_cast<double>(draws) * p[v] / sum;
      chi += (count[v] - expected) * (count[v] - expected) / expected;
    }
    const double degrees = static_cast<double>(vocab - 1), spread = 2.0 / (9.0 * degrees);
    EXPECT_LT(chi, degrees * std::pow(1 - spread + 3.72 * std::sqrt(spread), 3)) << table->name;
  }
}

}  // namespace
}  // namespace astarpo
