// gemm of every instruction set against the plain reference, and what reproducible mode rests on: a row's bits do not depend on
// the rows beside it, on the cut, or on the number of threads.
#include "tests/native/kernels_fixtures.h"

namespace astarpo {
namespace {

using test::Buffer;
using test::Random;

struct Product {
  int64_t m, n, k;
  Kind a_kind, b_kind, c_kind, bias_kind;
  bool a_transposed, b_transposed, bias, accumulate;
  int64_t padding;  // extra elements between rows of every operand
};

struct Operands {
  Buffer a, b, c, bias;
};

Operands operands_of(const Product& p, uint64_t seed) {
  Random random(seed);
  const int64_t a_size = p.a_transposed ? p.k * (p.m + p.padding) : p.m * (p.k + p.padding);
  const int64_t b_size = p.b_transposed ? p.n * (p.k + p.padding) : p.k * (p.n + p.padding);
  return {Buffer::random(p.a_kind, a_size, random), Buffer::random(p.b_kind, b_size, random),
          Buffer::random(p.c_kind, p.m * (p.n + p.padding), random), Buffer::random(p.bias_kind, p.n, random)};
}

GemmArgs args_of(const Product& p, Operands& o) {
  GemmArgs args{};
  args.m = p.m, args.n = p.n, args.k = p.k;
  args.a = o.a.data(), args.a_kind = p.a_kind;
  args.a_row_stride = p.a_transposed ? 1 : p.k + p.padding;
  args.a_col_stride = p.a_transposed ? p.m + p.padding : 1;
  args.b = o.b.data(), args.b_kind = p.b_kind;
  args.b_row_stride = p.b_transposed ? 1 : p.n + p.padding;
  args.b_col_stride = p.b_transposed ? p.k + p.padding : 1;
  args.c = o.c.data(), args.c_kind = p.c_kind, args.c_row_stride = p.n + p.padding;
  args.bias = p.bias ? o.bias.data() : nullptr, args.bias_kind = p.bias_kind;
  args.accumulate = p.accumulate;
  return args;
}

std::string name_of(const Product& p) {
  return "m=" + std::to_string(p.m) + " n=" + std::to_string(p.n) + " k=" + std::to_string(p.k) +
         " kinds=" + std::to_string(static_cast<int>(p.a_kind)) + std::to_string(static_cast<int>(p.b_kind)) +
         std::to_string(static_cast<int>(p.c_kind)) + " transposed=" + std::to_string(p.a_transposed) + std::to_string(p.b_transposed) +
         " bias=" + std::to_string(p.bias) + " accumulate=" + std::to_string(p.accumulate);
}

void compare_with_reference(const Ops& table, const Product& p, uint64_t seed) {
  Operands expected = operands_of(p, seed), actual = operands_of(p, seed);
  reference_ops().gemm(args_of(p, expected), nullptr);
  table.gemm(args_of(p, actual), nullptr);
  test::expect_close(actual.c, expected.c, 2e-6 * std::sqrt(static_cast<double>(p.k) + 1), std::string(table.name) + " " + name_of(p));
}

TEST(Gemm, MatchesTheReferenceOverRandomShapes) {
  for (const Ops* table : test::cpu_tables()) {
    Random random(11);
    for (int round = 0; round < 300; ++round) {
      const auto kind = [&] { return random.one_of({Kind::f32, Kind::bf16}); };
      const auto coin = [&] { return random.integer(0, 1) == 1; };
      const Product p{random.one_of<int64_t>({1, 2, 3, 5, 11, 12, 13, 31, 64, 97}),
                      random.one_of<int64_t>({1, 7, 15, 16, 17, 32, 33, 63, 128, 150}),
                      random.one_of<int64_t>({0, 1, 2, 15, 16, 17, 64, 100, 129}),
                      kind(),
                      kind(),
                      kind(),
                      kind(),
                      coin(),
                      coin(),
                      coin(),
                      coin(),
                      random.one_of<int64_t>({0, 3})};
      compare_with_reference(*table, p, 1000 + static_cast<uint64_t>(round));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Gemm, MatchesTheReferenceWhereTheDepthIsCut) {
  for (const Ops* table : test::cpu_tables()) {
    for (const bool transposed : {false, true}) {
      for (const int64_t k : {767, 768, 769, 1300}) {
        compare_with_reference(*table, {29, 70, k, Kind::f32, Kind::f32, Kind::f32, Kind::f32, transposed, transposed, true, true, 1}, 5);
        compare_with_reference(*table, {29, 70, k, Kind::bf16, Kind::bf16, Kind::bf16, Kind::f32, transposed, !transposed, false, false, 0},
                               6);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(Gemm, MatchesTheReferenceWithoutAnyUnitStride) {
  for (const Ops* table : test::cpu_tables()) {
    Random random(3);
    const int64_t m = 19, n = 37, k = 21;
    Buffer a = Buffer::random(Kind::f32, m * k * 6, random), b = Buffer::random(Kind::bf16, n * k * 6, random);
    Buffer c(Kind::f32, m * n), expected(Kind::f32, m * n);
    GemmArgs args{m,     n, k,        a.data(),  Kind::f32, 2 * k,   2,         b.data(), Kind::bf16,
                  3 * n, 3, c.data(), Kind::f32, n,         nullptr, Kind::f32, false};
    table->gemm(args, nullptr);
    args.c = expected.data();
    reference_ops().gemm(args, nullptr);
    test::expect_close(c, expected, 1e-5, table->name);
  }
}

// The large enough shapes take every path: several groups of columns, several blocks of rows and of k, both thread counts.
TEST(Gemm, ARowDoesNotDependOnItsNeighbours) {
  for (const Ops* table : test::cpu_tables()) {
    for (const Kind kind : {Kind::f32, Kind::bf16}) {
      for (const bool b_transposed : {false, true}) {
        for (const int64_t k : {64, 900}) {
          const Product p{301, 150, k, kind, kind, kind, kind, false, b_transposed, true, false, 0};
          Operands whole = operands_of(p, 9), alone = operands_of(p, 9), pairs = operands_of(p, 9);
          test::with_threads(2, [&] { table->gemm(args_of(p, whole), nullptr); });
          test::with_threads(1, [&] {
            const int64_t size = kind == Kind::f32 ? 4 : 2;
            for (const int64_t step : {int64_t{1}, int64_t{5}}) {
              Operands& cut = step == 1 ? alone : pairs;
              for (int64_t row = 0; row < p.m; row += step) {
                GemmArgs args = args_of(p, cut);
                args.m = std::min(step, p.m - row);
                args.a = static_cast<const char*>(args.a) + row * args.a_row_stride * size;
                args.c = static_cast<char*>(args.c) + row * args.c_row_stride * size;
                table->gemm(args, nullptr);
              }
            }
          });
          EXPECT_TRUE(whole.c.same_bits(alone.c)) << table->name << " rows alone, " << name_of(p);
          EXPECT_TRUE(whole.c.same_bits(pairs.c)) << table->name << " rows in fives, " << name_of(p);
        }
      }
    }
  }
}

// dWeight = dyᵀ·x: a long sum over rows, which threads must not cut.
TEST(Gemm, TheWeightGradientDoesNotDependOnTheNumberOfThreads) {
  for (const Ops* table : test::cpu_tables()) {
    const Product p{130, 96, 3000, Kind::f32, Kind::f32, Kind::f32, Kind::f32, true, false, false, true, 0};
    Operands one = operands_of(p, 4), two = operands_of(p, 4);
    test::with_threads(1, [&] { table->gemm(args_of(p, one), nullptr); });
    test::with_threads(2, [&] { table->gemm(args_of(p, two), nullptr); });
    EXPECT_TRUE(one.c.same_bits(two.c)) << table->name;
  }
}

TEST(Gemm, KeepsWhatIsNotANumber) {
  for (const Ops* table : test::cpu_tables()) {
    const Product p{4, 20, 30, Kind::f32, Kind::f32, Kind::bf16, Kind::f32, false, true, false, false, 0};
    Operands o = operands_of(p, 2);
    o.a.set(p.k + 3, std::nan(""));
    table->gemm(args_of(p, o), nullptr);
    for (int64_t n = 0; n < p.n; ++n) {
      EXPECT_FALSE(std::isnan(o.c.get(n)));
      EXPECT_TRUE(std::isnan(o.c.get(p.n + n))) << table->name;
    }
  }
}

}  // namespace
}  // namespace astarpo
