// The kernels that work row by row or element by element, every instruction set against the plain reference.
#include "tests/native/kernels_fixtures.h"

namespace astarpo {
namespace {

using test::Buffer;
using test::Random;

const std::vector<Kind> kKinds{Kind::f32, Kind::bf16};

std::vector<int32_t> random_ids(int64_t count, int64_t limit, Random& random) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(random.integer(0, limit - 1)));
  return ids;
}

// A matrix of heads inside wider rows, and what the norm makes of it.
struct NormScene {
  int64_t rows, heads, columns, gap;
  Kind kind, weight_kind;
  Buffer x, dy, weight;

  NormScene(int64_t rows, int64_t heads, int64_t columns, int64_t gap, Kind kind, Kind weight_kind, Random& random)
      : rows(rows),
        heads(heads),
        columns(columns),
        gap(gap),
        kind(kind),
        weight_kind(weight_kind),
        x(Buffer::random(kind, rows * stride(), random, 3.0)),
        dy(Buffer::random(kind, rows * stride(), random)),
        weight(Buffer::random(weight_kind, columns, random)) {}

  int64_t stride() const { return heads * columns + gap; }
  RmsNormArgs forward(Buffer& y, Buffer& rstd) const {
    return {rows, heads, columns, x.data(), stride(), kind, weight.data(), weight_kind, 1e-6f, y.data(), stride(), rstd.floats()};
  }
  RmsNormBackwardArgs backward(Buffer& rstd, Buffer& dx, Buffer& dweight) const {
    return {rows, heads,         columns,     dy.data(),     stride(),  x.data(), stride(),
            kind, weight.data(), weight_kind, rstd.floats(), dx.data(), stride(), dweight.floats()};
  }
};

TEST(RmsNorm, ForwardAndBackwardMatchTheReference) {
  for (const Ops* table : test::cpu_tables()) {
    for (const Kind kind : kKinds) {
      for (const Kind weight_kind : kKinds) {
        for (const auto& [heads, gap] : std::vector<std::pair<int64_t, int64_t>>{{1, 0}, {1, 3}, {5, 21}}) {
          for (const int64_t columns : {1, 7, 16, 33, 128, 896}) {
            Random random(static_cast<uint64_t>(columns));
            const NormScene scene(23, heads, columns, gap, kind, weight_kind, random);
            const int64_t size = scene.rows * scene.stride();
            Buffer y(kind, size, 5.0), expected_y(kind, size, 5.0);
            Buffer rstd(Kind::f32, scene.rows * heads), expected_rstd(Kind::f32, scene.rows * heads);
            table->rms_norm(scene.forward(y, rstd), nullptr);
            reference_ops().rms_norm(scene.forward(expected_y, expected_rstd), nullptr);
            const std::string name = std::string(table->name) + " heads " + std::to_string(heads) + " columns " + std::to_string(columns);
            test::expect_close(y, expected_y, 3e-6, name);
            test::expect_close(rstd, expected_rstd, 3e-6, name);

            Buffer dx(kind, size, 5.0), expected_dx(kind, size, 5.0);
            Buffer dweight = Buffer::random(Kind::f32, columns, random), expected_dweight = dweight;
            table->rms_norm_backward(scene.backward(expected_rstd, dx, dweight), nullptr);
            reference_ops().rms_norm_backward(scene.backward(expected_rstd, expected_dx, expected_dweight), nullptr);
            test::expect_close(dx, expected_dx, 1e-5, name + " dx");
            test::expect_close(dweight, expected_dweight, 1e-5, name + " dweight");
            Buffer frozen_dx(kind, size, 5.0);
            RmsNormBackwardArgs frozen = scene.backward(expected_rstd, frozen_dx, dweight);
            frozen.dweight = nullptr;
            table->rms_norm_backward(frozen, nullptr);
            EXPECT_TRUE(frozen_dx.same_bits(dx)) << name << " with a frozen weight";
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

TEST(RmsNorm, WorksInPlace) {
  std::vector<const Ops*> tables = test::cpu_tables();
  tables.push_back(&reference_ops());
  for (const Ops* table : tables) {
    for (const Kind kind : kKinds) {
      Random random(4);
      const NormScene scene(9, 3, 40, 11, kind, kind, random);
      Buffer y = scene.x, in_place = scene.x, rstd(Kind::f32, 27), dweight(Kind::f32, 40), other_dweight(Kind::f32, 40);
      table->rms_norm(scene.forward(y, rstd), nullptr);
      RmsNormArgs args = scene.forward(in_place, rstd);
      args.x = in_place.data();
      table->rms_norm(args, nullptr);
      EXPECT_TRUE(in_place.same_bits(y)) << table->name;

      Buffer dx = scene.dy, over_dy = scene.dy;
      table->rms_norm_backward(scene.backward(rstd, dx, dweight), nullptr);
      RmsNormBackwardArgs back = scene.backward(rstd, over_dy, other_dweight);
      back.dy = over_dy.data();
      table->rms_norm_backward(back, nullptr);
      EXPECT_TRUE(over_dy.same_bits(dx)) << table->name << " backward";
      EXPECT_TRUE(other_dweight.same_bits(dweight)) << table->name << " dweight";
    }
  }
}

// The reference's own gradient against central differences of Σ dy·y.
TEST(RmsNorm, TheReferenceAgreesWithFiniteDifferences) {
  Random random(12);
  NormScene scene(3, 2, 6, 5, Kind::f32, Kind::f32, random);
  const int64_t size = scene.rows * scene.stride();
  Buffer y(Kind::f32, size), rstd(Kind::f32, 6), dx(Kind::f32, size), dweight(Kind::f32, 6);
  reference_ops().rms_norm(scene.forward(y, rstd), nullptr);
  reference_ops().rms_norm_backward(scene.backward(rstd, dx, dweight), nullptr);
  const auto slope = [&](Buffer& of, int64_t at) {
    const auto loss = [&](double value) {
      of.set(at, value);
      Buffer moved(Kind::f32, size), unused(Kind::f32, 6);
      reference_ops().rms_norm(scene.forward(moved, unused), nullptr);
      double sum = 0;
      for (int64_t i = 0; i < size; ++i) sum += scene.dy.get(i) * moved.get(i);
      return sum;
    };
    const double value = of.get(at), h = 1e-2;
    const double result = (loss(value + h) - loss(value - h)) / (2 * h);
    of.set(at, value);
    return result;
  };
  for (int64_t i = 0; i < size; ++i) EXPECT_NEAR(dx.get(i), slope(scene.x, i), 2e-3) << "x " << i;
  for (int64_t i = 0; i < 6; ++i) EXPECT_NEAR(dweight.get(i), slope(scene.weight, i), 2e-3) << "weight " << i;
}

TEST(RmsNorm, BitsDoNotDependOnThreadsOrNeighbours) {
  for (const Ops* table : test::cpu_tables()) {
    Random random(1);
    const NormScene scene(350, 2, 136, 8, Kind::f32, Kind::f32, random);
    const int64_t size = scene.rows * scene.stride();
    const auto run = [&](int threads) {
      std::vector<Buffer> result{Buffer(Kind::f32, size), Buffer(Kind::f32, 700), Buffer(Kind::f32, size), Buffer(Kind::f32, 136)};
      test::with_threads(threads, [&] {
        table->rms_norm(scene.forward(result[0], result[1]), nullptr);
        table->rms_norm_backward(scene.backward(result[1], result[2], result[3]), nullptr);
      });
      return result;
    };
    const std::vector<Buffer> one = run(1), two = run(2);
    for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(one[i].same_bits(two[i])) << table->name << " result " << i;
    Buffer alone(Kind::f32, size), rstd(Kind::f32, 700);
    RmsNormArgs last = scene.forward(alone, rstd);
    last.rows = 1;
    last.x = static_cast<const float*>(last.x) + 349 * scene.stride();
    table->rms_norm(last, nullptr);
    for (int64_t c = 0; c < 2 * 136; ++c) ASSERT_EQ(alone.get(c), one[0].get(349 * scene.stride() + c)) << table->name << " at " << c;
  }
}

TEST(Rope, MatchesTheReferenceAndRotatesBack) {
  for (const Ops* table : test::cpu_tables()) {
    for (const Kind kind : kKinds) {
      for (const int64_t dim : {2, 8, 24, 32, 64, 128}) {
        const int64_t rows = 23, heads = 3, stride = heads * dim + 5, positions = 40;
        Random random(static_cast<uint64_t>(dim));
        const Buffer start = Buffer::random(kind, rows * stride, random);
        std::vector<float> cos, sin;
        for (int64_t i = 0; i < positions * dim / 2; ++i) {
          const double angle = random.between(0.0, 6.28);
          cos.push_back(static_cast<float>(std::cos(angle)));
          sin.push_back(static_cast<float>(std::sin(angle)));
        }
        const std::vector<int32_t> at = random_ids(rows, positions, random);
        Buffer x = start, expected = start;
        RopeArgs args{rows, heads, dim, x.data(), kind, stride, at.data(), cos.data(), sin.data(), false};
        table->rope(args, nullptr);
        args.x = expected.data();
        reference_ops().rope(args, nullptr);
        test::expect_close(x, expected, 1e-6, table->name);
        args.x = x.data(), args.inverse = true;
        table->rope(args, nullptr);
        test::expect_close(x, start, kind == Kind::f32 ? 1e-6 : 2e-2, std::string(table->name) + " back");
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(Swiglu, ForwardAndBackwardMatchTheReference) {
  for (const Ops* table : test::cpu_tables()) {
    for (const Kind kind : kKinds) {
      for (const int64_t width : {1, 15, 64, 90}) {
        const int64_t rows = 31;
        Random random(static_cast<uint64_t>(width));
        Buffer gate_up = Buffer::random(kind, rows * 2 * width, random, 12.0);
        gate_up.set(0, 120.0);  // exp(−gate) underflows here
        gate_up.set(2 * width, -120.0);
        const Buffer dy = Buffer::random(kind, rows * width, random);
        Buffer y(kind, rows * width), expected(kind, rows * width), d(kind, rows * 2 * width), expected_d(kind, rows * 2 * width);
        table->swiglu({rows, width, gate_up.data(), kind, y.data()}, nullptr);
        reference_ops().swiglu({rows, width, gate_up.data(), kind, expected.data()}, nullptr);
        test::expect_close(y, expected, 2e-6, table->name);
        table->swiglu_backward({rows, width, dy.data(), gate_up.data(), kind, d.data()}, nullptr);
        reference_ops().swiglu_backward({rows, width, dy.data(), gate_up.data(), kind, expected_d.data()}, nullptr);
        test::expect_close(d, expected_d, 2e-6, std::string(table->name) + " backward");
        table->swiglu_backward({rows, width, dy.data(), gate_up.data(), kind, gate_up.data()}, nullptr);
        EXPECT_TRUE(gate_up.same_bits(d)) << table->name << " in place";
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(CopyRows, CopiesStridedRowsBitForBit) {
  for (const Ops* table : test::cpu_tables()) {
    for (const Kind kind : kKinds) {
      Random random(5);
      const int64_t width = 24, from_stride = 40, to_stride = 30;
      Buffer from = Buffer::random(kind, 20 * from_stride, random);
      Buffer to(kind, 20 * to_stride, 9.0), expected(kind, 20 * to_stride, 9.0);
      const auto items = [&](Buffer& target) {
        return std::vector<CopyRowsItem>{{from.data(), from_stride, target.data(), to_stride, 3},
                                         {from.at(5 * from_stride), from_stride, target.at(0), to_stride, 0},
                                         {from.at(7 * from_stride + 2), from_stride, target.at(9 * to_stride), to_stride, 10}};
      };
      const std::vector<CopyRowsItem> fast = items(to), plain = items(expected);
      table->copy_rows({fast.data(), 3, width, kind}, nullptr);
      reference_ops().copy_rows({plain.data(), 3, width, kind}, nullptr);
      EXPECT_TRUE(to.same_bits(expected)) << table->name;
      table->copy_rows({nullptr, 0, width, kind}, nullptr);
    }
  }
}

TEST(Embedding, LooksUpAndAddsUpInRowOrder) {
  for (const Ops* table : test::cpu_tables()) {
    for (const Kind kind : kKinds) {
      const int64_t rows = 3000, width = 72, vocab = 19;  // many rows share an id
      Random random(6);
      const Buffer weights = Buffer::random(kind, vocab * width, random), dx = Buffer::random(kind, rows * width, random);
      const std::vector<int32_t> ids = random_ids(rows, vocab, random);
      Buffer x(kind, rows * width), expected_x(kind, rows * width);
      table->embedding({rows, width, ids.data(), weights.data(), kind, x.data()}, nullptr);
      reference_ops().embedding({rows, width, ids.data(), weights.data(), kind, expected_x.data()}, nullptr);
      EXPECT_TRUE(x.same_bits(expected_x)) << table->name;
      Buffer d(Kind::f32, vocab * width, 0.5), expected(Kind::f32, vocab * width, 0.5);
      test::with_threads(2, [&] { table->embedding_backward({rows, width, ids.data(), dx.data(), kind, d.floats()}, nullptr); });
      reference_ops().embedding_backward({rows, width, ids.data(), dx.data(), kind, expected.floats()}, nullptr);
      EXPECT_TRUE(d.same_bits(expected)) << table->name << ": fp32 sums in row order have one value";
      d.check_guards();
    }
  }
}

TEST(AdamW, MatchesTheReferenceOverSteps) {
  for (const Ops* table : test::cpu_tables()) {
    for (const Kind kind : kKinds) {
      const int64_t count = 1003;
      Random random(7);
      struct State {
        Buffer master, m, v, value;
      };
      const Buffer start = Buffer::random(Kind::f32, count, random);
      State fast{start, Buffer(Kind::f32, count), Buffer(Kind::f32, count), Buffer(kind, count)}, plain = fast;
      for (int64_t step = 1; step <= 5; ++step) {
        Buffer grad = Buffer::random(Kind::f32, count, random, 0.1);
        const auto update = [&](const Ops& ops, State& s) {
          ops.adamw({count, s.master.floats(), s.m.floats(), s.v.floats(), grad.floats(), 0.7f, 1e-2, 0.9, 0.999, 1e-8, 0.1, step,
                     s.value.data(), kind},
                    nullptr);
        };
        update(*table, fast);
        update(reference_ops(), plain);
      }
      test::expect_close(fast.master, plain.master, 2e-6, table->name);
      test::expect_close(fast.m, plain.m, 1e-6, table->name);
      test::expect_close(fast.v, plain.v, 1e-6, table->name);
      test::expect_close(fast.value, plain.value, 2e-6, table->name);
      for (int64_t i = 0; i < count && kind == Kind::f32; ++i) ASSERT_EQ(fast.value.get(i), fast.master.get(i));
    }
  }
}

TEST(AdamW, TheModelsCopyMayBeTheMaster) {
  for (const Ops* table : test::cpu_tables()) {
    Random random(8);
    Buffer master = Buffer::random(Kind::f32, 50, random), grad = Buffer::random(Kind::f32, 50, random), m(Kind::f32, 50), v(Kind::f32, 50);
    const Buffer before = master;
    table->adamw(
        {50, master.floats(), m.floats(), v.floats(), grad.floats(), 1.0f, 1e-3, 0.9, 0.999, 1e-8, 0.0, 1, master.data(), Kind::f32},
        nullptr);
    // The first step moves each weight by lr against the sign of its gradient.
    for (int64_t i = 0; i < 50; ++i) ASSERT_NEAR(master.get(i), before.get(i) - std::copysign(1e-3, grad.get(i)), 1e-6);
  }
}

TEST(SumSquares, IsExactEnoughAndTheSameOnAnyNumberOfThreads) {
  for (const Ops* table : test::cpu_tables()) {
    for (const int64_t count : {0, 1, 17, 100003}) {
      Random random(9);
      const Buffer x = Buffer::random(Kind::f32, count, random);
      const float* data = static_cast<const float*>(x.data());
      double expected = 0, one = -1, two = -1;
      reference_ops().sum_squares({count, data, &expected}, nullptr);
      test::with_threads(1, [&] { table->sum_squares({count, data, &one}, nullptr); });
      test::with_threads(2, [&] { table->sum_squares({count, data, &two}, nullptr); });
      EXPECT_NEAR(one, expected, 1e-12 * (1 + expected)) << table->name;
      EXPECT_EQ(one, two) << table->name;
    }
  }
}

TEST(Tables, AreCompleteAndNamed) {
  std::vector<const Ops*> tables = test::cpu_tables();
  tables.push_back(&reference_ops());
  for (const Ops* table : tables) {
    EXPECT_EQ(table->version, kOpsVersion);
    EXPECT_NE(table->name, nullptr);
    for (const bool present :
         {table->gemm != nullptr, table->rms_norm != nullptr, table->rms_norm_backward != nullptr, table->rope != nullptr,
          table->swiglu != nullptr, table->swiglu_backward != nullptr, table->attention != nullptr, table->attention_backward != nullptr,
          table->copy_rows != nullptr, table->embedding != nullptr, table->embedding_backward != nullptr, table->token_stats != nullptr,
          table->token_gradient != nullptr, table->sample != nullptr, table->adamw != nullptr, table->sum_squares != nullptr}) {
      EXPECT_TRUE(present) << table->name;
    }
  }
  EXPECT_EQ(&cpu_ops(), test::cpu_tables().back()) << "the best table that this processor can run";
}

}  // namespace
}  // namespace astarpo
