// Attention of every instruction set against the plain reference: caches longer than the queries, groups, odd head sizes, windows;
// and bit-for-bit equality however a prefill is cut, whatever else is in the call, on one thread or two.
#include "tests/native/kernels_fixtures.h"

namespace astarpo {
namespace {

using test::Buffer;
using test::Random;

struct Shape {
  int64_t heads, kv_heads, dim;
  Kind kind;
  int64_t window = 0;
};

// Rows of all segments, and one cache [kv_length, kv_heads, dim] of k and v per segment (rows padded by `gap`).
struct Scene {
  Shape shape;
  int64_t rows, gap;
  Buffer q;
  std::vector<Buffer> k, v;
  std::vector<AttentionSegment> segments;
};

Scene scene_of(const Shape& shape, const std::vector<std::pair<int64_t, int64_t>>& lengths, uint64_t seed, int64_t gap = 0) {
  Random random(seed);
  int64_t rows = 0;
  for (const auto& [queries, keys] : lengths) rows += queries;
  Scene scene{shape, rows, gap, Buffer::random(shape.kind, rows * shape.heads * shape.dim, random, 2.0), {}, {}, {}};
  const int64_t stride = shape.kv_heads * shape.dim + gap;
  scene.k.reserve(lengths.size());
  scene.v.reserve(lengths.size());
  int64_t begin = 0;
  for (const auto& [queries, keys] : lengths) {
    scene.k.push_back(Buffer::random(shape.kind, keys * stride, random, 2.0));
    scene.v.push_back(Buffer::random(shape.kind, keys * stride, random, 1.0));
    scene.segments.push_back({begin, queries, keys, scene.k.back().data(), scene.v.back().data(), stride});
    begin += queries;
  }
  return scene;
}

struct Result {
  Buffer out, lse;
};

std::vector<std::pair<const Ops*, int64_t>> tables_and_windows() {
  std::vector<std::pair<const Ops*, int64_t>> pairs;
  for (const Ops* table : test::cpu_tables()) {
    for (const int64_t window : {0, 37}) pairs.emplace_back(table, window);
  }
  return pairs;
}

AttentionArgs args_of(const Scene& s, const std::vector<AttentionSegment>& segments, const Result& r) {
  AttentionArgs args{};
  args.segments = segments.data(), args.segment_count = static_cast<int64_t>(segments.size());
  args.heads = s.shape.heads, args.kv_heads = s.shape.kv_heads, args.head_dim = s.shape.dim;
  args.window = s.shape.window, args.scale = 1.0f / std::sqrt(static_cast<float>(s.shape.dim));
  args.kind = s.shape.kind, args.q = s.q.data(), args.q_stride = s.shape.heads * s.shape.dim;
  args.out = const_cast<void*>(r.out.data()), args.out_stride = s.shape.heads * s.shape.dim;
  args.lse = static_cast<float*>(const_cast<void*>(r.lse.data()));
  return args;
}

Result run(const Ops& table, const Scene& s, const std::vector<AttentionSegment>& segments) {
  Result r{Buffer(s.shape.kind, s.rows * s.shape.heads * s.shape.dim), Buffer(Kind::f32, s.rows * s.shape.heads)};
  table.attention(args_of(s, segments, r), nullptr);
  return r;
}

TEST(Attention, MatchesTheReference) {
  for (const Ops* table : test::cpu_tables()) {
    uint64_t seed = 1;
    for (const int64_t dim : {8, 16, 24, 32, 64, 128}) {
      for (const auto& [heads, kv_heads] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {4, 2}, {7, 1}, {8, 1}, {6, 6}}) {
        for (const Kind kind : {Kind::f32, Kind::bf16}) {
          const Scene s = scene_of({heads, kv_heads, dim, kind}, {{1, 1}, {0, 5}, {3, 40}, {19, 19}, {0, 0}, {1, 77}, {50, 81}}, ++seed, 4);
          const Result expected = run(reference_ops(), s, s.segments), actual = run(*table, s, s.segments);
          const std::string name = std::string(table->name) + " dim " + std::to_string(dim) + " heads " + std::to_string(heads);
          test::expect_close(actual.out, expected.out, 3e-6, name);
          test::expect_close(actual.lse, expected.lse, 3e-6, name + " lse");
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(Attention, WindowsMatchTheReference) {
  for (const Ops* table : test::cpu_tables()) {
    uint64_t seed = 50;
    for (const int64_t window : {1, 2, 7, 16, 31, 32, 33, 64, 100, 129, 200, 1000}) {
      for (const auto& [heads, kv_heads, dim] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{{1, 1, 8}, {4, 2, 24}, {7, 1, 64}}) {
        for (const Kind kind : {Kind::f32, Kind::bf16}) {
          const Scene s =
              scene_of({heads, kv_heads, dim, kind, window}, {{1, 1}, {0, 5}, {3, 40}, {130, 130}, {1, 177}, {50, 181}}, ++seed, 4);
          const Result expected = run(reference_ops(), s, s.segments), actual = run(*table, s, s.segments);
          const std::string name = std::string(table->name) + " window " + std::to_string(window) + " heads " + std::to_string(heads);
          test::expect_close(actual.out, expected.out, 3e-6, name);
          test::expect_close(actual.lse, expected.lse, 3e-6, name + " lse");
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

// Keys and values before the window may hold anything, whatever block a query is in.
TEST(Attention, AWindowHidesEarlierKeys) {
  std::vector<const Ops*> tables = test::cpu_tables();
  tables.push_back(&reference_ops());
  for (const Ops* table : tables) {
    for (const int64_t window : {1, 5, 40}) {
      Scene s = scene_of({4, 2, 16, Kind::f32, window}, {{20, 120}}, 61);
      const Result before = run(*table, s, s.segments);
      const int64_t hidden = 101 - window;  // the first query is at position 100
      for (int64_t i = 0; i < hidden * s.segments[0].key_stride; ++i) s.k[0].set(i, 1e4), s.v[0].set(i, -1e4);
      const Result after = run(*table, s, s.segments);
      EXPECT_TRUE(before.out.same_bits(after.out)) << table->name << " window " << window;
      s.v[0].set(hidden * s.segments[0].key_stride, 3.0);
      EXPECT_FALSE(before.out.same_bits(run(*table, s, s.segments).out)) << table->name << " window " << window << " sees its first key";
    }
  }
}

TEST(Attention, AWindowBeyondTheLengthChangesNoBit) {
  for (const Ops* table : test::cpu_tables()) {
    const std::vector<std::pair<int64_t, int64_t>> lengths{{90, 90}, {1, 140}, {30, 100}};
    const Scene all = scene_of({4, 2, 32, Kind::f32}, lengths, 71), windowed = scene_of({4, 2, 32, Kind::f32, 140}, lengths, 71);
    EXPECT_TRUE(run(*table, all, all.segments).out.same_bits(run(*table, windowed, windowed.segments).out)) << table->name;
  }
}

TEST(Attention, APrefillMayBeCutAnywhere) {
  for (const Ops* table : test::cpu_tables()) {
    for (const Shape& shape : {Shape{4, 2, 32, Kind::f32}, Shape{3, 1, 24, Kind::bf16}, Shape{2, 2, 16, Kind::f32},
                               Shape{4, 2, 32, Kind::f32, 19}, Shape{7, 1, 24, Kind::bf16, 33}}) {
      const int64_t length = 70;
      const Scene s = scene_of(shape, {{length, length}}, 21);
      const Result whole = run(*table, s, s.segments);
      const AttentionSegment& all = s.segments[0];
      for (int64_t cut = 1; cut < length; ++cut) {
        std::vector<AttentionSegment> parts{{0, cut, cut, all.k, all.v, all.key_stride},
                                            {cut, length - cut, length, all.k, all.v, all.key_stride}};
        const Result cut_once = run(*table, s, parts);
        ASSERT_TRUE(whole.out.same_bits(cut_once.out)) << table->name << " cut at " << cut;
        ASSERT_TRUE(whole.lse.same_bits(cut_once.lse)) << table->name << " cut at " << cut;
      }
      std::vector<AttentionSegment> tokens;
      for (int64_t i = 0; i < length; ++i) tokens.push_back({i, 1, i + 1, all.k, all.v, all.key_stride});
      const Result by_token = run(*table, s, tokens);
      ASSERT_TRUE(whole.out.same_bits(by_token.out)) << table->name << " token by token";
    }
  }
}

TEST(Attention, ASegmentDoesNotDependOnTheOthersOrOnThreads) {
  for (const auto& [table, window] : tables_and_windows()) {
    const Scene s = scene_of({4, 2, 32, Kind::f32, window}, {{33, 33}, {1, 90}, {5, 60}, {120, 120}}, 31);
    Result one = run(*table, s, {}), two = run(*table, s, {}), alone = run(*table, s, {});
    test::with_threads(1, [&] { one = run(*table, s, s.segments); });
    test::with_threads(2, [&] { two = run(*table, s, s.segments); });
    for (const AttentionSegment& segment : s.segments) {
      const std::vector<AttentionSegment> single{segment};
      table->attention(args_of(s, single, alone), nullptr);
    }
    EXPECT_TRUE(one.out.same_bits(two.out)) << table->name;
    EXPECT_TRUE(one.out.same_bits(alone.out)) << table->name;
  }
}

struct Gradients {
  Buffer dq, dk, dv;
};

// Training layout: one fused row [q heads | k heads | v heads] per token, gradients likewise.
struct Training {
  Shape shape;
  int64_t rows, stride;
  Buffer qkv, dout;
  std::vector<AttentionSegment> segments;
  Result forward;
};

Training training_of(const Shape& shape, const std::vector<int64_t>& lengths, uint64_t seed) {
  Random random(seed);
  int64_t rows = 0;
  for (const int64_t length : lengths) rows += length;
  const int64_t stride = (shape.heads + 2 * shape.kv_heads) * shape.dim;
  Training t{shape,
             rows,
             stride,
             Buffer::random(shape.kind, rows * stride, random, 1.5),
             Buffer::random(shape.kind, rows * shape.heads * shape.dim, random),
             {},
             {Buffer(shape.kind, rows * shape.heads * shape.dim), Buffer(Kind::f32, rows * shape.heads)}};
  int64_t begin = 0;
  for (const int64_t length : lengths) {
    t.segments.push_back({begin, length, length, t.qkv.at(begin * stride + shape.heads * shape.dim),
                          t.qkv.at(begin * stride + (shape.heads + shape.kv_heads) * shape.dim), stride});
    begin += length;
  }
  return t;
}

AttentionArgs forward_args(Training& t) {
  AttentionArgs args{};
  args.segments = t.segments.data(), args.segment_count = static_cast<int64_t>(t.segments.size());
  args.heads = t.shape.heads, args.kv_heads = t.shape.kv_heads, args.head_dim = t.shape.dim;
  args.window = t.shape.window, args.scale = 1.0f / std::sqrt(static_cast<float>(t.shape.dim));
  args.kind = t.shape.kind, args.q = t.qkv.data(), args.q_stride = t.stride;
  args.out = t.forward.out.data(), args.out_stride = t.shape.heads * t.shape.dim, args.lse = t.forward.lse.floats();
  return args;
}

Buffer backward(const Ops& table, Training& t) {
  Buffer dqkv(t.shape.kind, t.rows * t.stride, 7.0);
  AttentionBackwardArgs args{};
  args.segments = t.segments.data(), args.segment_count = static_cast<int64_t>(t.segments.size());
  args.heads = t.shape.heads, args.kv_heads = t.shape.kv_heads, args.head_dim = t.shape.dim;
  args.window = t.shape.window, args.scale = 1.0f / std::sqrt(static_cast<float>(t.shape.dim));
  args.kind = t.shape.kind, args.q = t.qkv.data(), args.q_stride = t.stride;
  args.out = t.forward.out.data(), args.dout = t.dout.data(), args.out_stride = t.shape.heads * t.shape.dim;
  args.lse = t.forward.lse.floats();
  args.dq = dqkv.data(), args.dq_stride = t.stride;
  args.dk = dqkv.at(t.shape.heads * t.shape.dim);
  args.dv = dqkv.at((t.shape.heads + t.shape.kv_heads) * t.shape.dim);
  args.dkv_stride = t.stride;
  table.attention_backward(args, nullptr);
  return dqkv;
}

TEST(AttentionBackward, MatchesTheReference) {
  for (const Ops* table : test::cpu_tables()) {
    uint64_t seed = 100;
    for (const int64_t dim : {8, 24, 32, 64, 128}) {
      for (const auto& [heads, kv_heads] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {4, 2}, {7, 1}, {8, 2}}) {
        for (const Kind kind : {Kind::f32, Kind::bf16}) {
          Training t = training_of({heads, kv_heads, dim, kind}, {1, 0, 40, 13, 71}, ++seed);
          reference_ops().attention(forward_args(t), nullptr);
          const Buffer expected = backward(reference_ops(), t), actual = backward(*table, t);
          test::expect_close(actual, expected, 2e-5,
                             std::string(table->name) + " dim " + std::to_string(dim) + " heads " + std::to_string(heads));
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(AttentionBackward, WindowsMatchTheReference) {
  for (const Ops* table : test::cpu_tables()) {
    uint64_t seed = 200;
    for (const int64_t window : {1, 2, 13, 32, 33, 65, 100, 131, 1000}) {
      for (const auto& [heads, kv_heads, dim] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{{1, 1, 8}, {4, 2, 24}, {7, 1, 64}}) {
        for (const Kind kind : {Kind::f32, Kind::bf16}) {
          Training t = training_of({heads, kv_heads, dim, kind, window}, {1, 0, 40, 130}, ++seed);
          reference_ops().attention(forward_args(t), nullptr);
          const Buffer expected = backward(reference_ops(), t), actual = backward(*table, t);
          test::expect_close(actual, expected, 2e-5,
                             std::string(table->name) + " window " + std::to_string(window) + " heads " + std::to_string(heads));
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(AttentionBackward, DoesNotDependOnTheOtherSegmentsOrOnThreads) {
  for (const auto& [table, window] : tables_and_windows()) {
    Training t = training_of({4, 2, 32, Kind::f32, window}, {50, 7, 90}, 8);
    table->attention(forward_args(t), nullptr);
    Buffer one(Kind::f32, 0), two(Kind::f32, 0);
    test::with_threads(1, [&] { one = backward(*table, t); });
    test::with_threads(2, [&] { two = backward(*table, t); });
    EXPECT_TRUE(one.same_bits(two)) << table->name;
    const std::vector<AttentionSegment> all = t.segments;
    t.segments = {all[2]};
    const Buffer alone = backward(*table, t);
    for (int64_t i = all[2].q_begin * t.stride; i < t.rows * t.stride; ++i)
      ASSERT_EQ(alone.get(i), one.get(i)) << table->name << " at " << i;
  }
}

// The reference's own gradient against central differences of Σ dout·out.
class ReferenceOfWindow : public ::testing::TestWithParam<int64_t> {};
TEST_P(ReferenceOfWindow, AgreesWithFiniteDifferences) {
  Training t = training_of({4, 2, 8, Kind::f32, GetParam()}, {5, 4}, 17);
  reference_ops().attention(forward_args(t), nullptr);
  const Buffer gradient = backward(reference_ops(), t);
  const auto loss = [&] {
    reference_ops().attention(forward_args(t), nullptr);
    double sum = 0;
    for (int64_t i = 0; i < t.dout.size(); ++i) sum += t.dout.get(i) * t.forward.out.get(i);
    return sum;
  };
  for (int64_t i = 0; i < t.qkv.size(); i += 3) {
    const double value = t.qkv.get(i), h = 1e-2;
    t.qkv.set(i, value + h);
    const double above = loss();
    t.qkv.set(i, value - h);
    const double below = loss();
    t.qkv.set(i, value);
    EXPECT_NEAR(gradient.get(i), (above - below) / (2 * h), 2e-3) << "at " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Windows, ReferenceOfWindow, ::testing::Values(0, 1, 3));

}  // namespace
}  // namespace astarpo
