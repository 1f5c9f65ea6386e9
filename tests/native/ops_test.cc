// The tensor operations: the kernel tables behind strided views, and the ATen formulas that devices without kernels use, here on
// CPU tensors, against the tables.
#include <cmath>
#include <functional>

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "native/error.h"
#include "native/model/ops.h"
#include "native/model/ops_aten.h"

namespace astarpo {
namespace {

void expect_near(const at::Tensor& actual, const at::Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.defined(), expected.defined()) << what;
  if (!actual.defined()) return;
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  ASSERT_EQ(actual.scalar_type(), expected.scalar_type()) << what;
  const double relative = tolerance + (actual.scalar_type() == at::kBFloat16 ? 0x1p-7 : 0.0);
  const at::Tensor a = actual.to(at::kDouble), e = expected.to(at::kDouble);
  EXPECT_TRUE(at::allclose(a, e, relative, tolerance)) << what << ": off by " << (a - e).abs().max().item<double>();
}

class OpsOfKind : public ::testing::TestWithParam<c10::ScalarType> {
 protected:
  void SetUp() override { at::manual_seed(7); }
  c10::ScalarType type() const { return GetParam(); }
  bool narrow() const { return type() == at::kBFloat16; }
  at::Tensor normal(at::IntArrayRef sizes, double scale = 1.0) const { return (at::randn(sizes) * scale).to(type()); }
};

TEST_P(OpsOfKind, Linear) {
  const at::Tensor x = normal({19, 40}), weight = normal({33, 40}), bias = normal({33});
  for (const at::Tensor& b : {bias, at::Tensor()}) {
    for (const bool wide : {false, true}) {
      at::Tensor expected = x.to(at::kDouble).mm(weight.to(at::kDouble).t());
      if (b.defined()) expected.add_(b.to(at::kDouble));
      expected = expected.to(wide ? at::kFloat : type());
      const double tolerance = narrow() && !wide ? 2e-2 : 1e-5;
      expect_near(ops::linear(x, weight, b, true, wide), expected, tolerance, "table");
      expect_near(ops::linear(x, weight, b, false, wide), expected, tolerance, "fast");
      expect_near(ops::aten::linear(x, weight, b, wide), expected, tolerance, "ATen");
    }
  }
  const at::Tensor strided = normal({19, 60}).narrow(1, 7, 40);
  EXPECT_TRUE(at::equal(ops::linear(strided, weight, bias, true), ops::linear(strided.contiguous(), weight, bias, true)));
  const at::Tensor columns = normal({40, 19}).t();
  EXPECT_TRUE(at::equal(ops::linear(columns, weight, bias, true), ops::linear(columns.contiguous(), weight, bias, true)));
}

TEST_P(OpsOfKind, LinearBackward) {
  const at::Tensor x = normal({50, 24}), weight = normal({36, 24});
  for (const bool wide_dy : {false, true}) {
    const at::Tensor dy = wide_dy ? normal({50, 36}).to(at::kFloat) : normal({50, 36});
    const at::Tensor d = dy.to(at::kDouble);
    const at::Tensor dx = d.mm(weight.to(at::kDouble)).to(type());
    const at::Tensor dweight = (d.t().mm(x.to(at::kDouble)) + 0.5).to(at::kFloat), dbias = (d.sum(0) + 0.25).to(at::kFloat);
    const double tolerance = narrow() ? 4e-2 : 2e-5;
    using Backward = std::function<at::Tensor(at::Tensor&, at::Tensor&)>;
    const Backward table = [&](at::Tensor& dw, at::Tensor& db) { return ops::linear_backward(dy, x, weight, dw, db, true); };
    const Backward fast = [&](at::Tensor& dw, at::Tensor& db) { return ops::linear_backward(dy, x, weight, dw, db, false); };
    const Backward aten = [&](at::Tensor& dw, at::Tensor& db) { return ops::aten::linear_backward(dy, x, weight, dw, db); };
    for (const auto& [name, backward] : std::vector<std::pair<std::string, Backward>>{{"table", table}, {"fast", fast}, {"ATen", aten}}) {
      at::Tensor dw = at::ones({36, 24}) * 0.5, db = at::ones({36}) * 0.25, none;
      expect_near(backward(dw, db), dx, tolerance, name + " dx");
      expect_near(dw, dweight, name == "table" ? 1e-5 : tolerance, name + " dweight");
      expect_near(db, dbias, 1e-5, name + " dbias");
      expect_near(backward(none, none), dx, tolerance, name + " dx of a frozen weight");
      EXPECT_FALSE(none.defined());
    }
  }
}

TEST_P(OpsOfKind, Embedding) {
  const at::Tensor table = normal({11, 20}), ids = at::randint(11, {30}, at::kInt), dx = normal({30, 20});
  EXPECT_TRUE(at::equal(ops::embedding(table, ids), table.index_select(0, ids)));
  EXPECT_TRUE(at::equal(ops::aten::embedding(table, ids), table.index_select(0, ids)));
  at::Tensor expected = at::ones({11, 20}), actual = expected.clone();
  ops::embedding_backward(expected, ids, dx);
  ops::aten::embedding_backward(actual, ids, dx);
  expect_near(actual, expected, 1e-5, "dtable");
}

TEST_P(OpsOfKind, RmsNorm) {
  const at::Tensor x = normal({21, 48}, 3.0), weight = normal({48}), dy = normal({21, 48});
  const ops::Normed expected = ops::rms_norm(x, weight, 1e-6, true), actual = ops::aten::rms_norm(x, weight, 1e-6, true);
  expect_near(actual.y, expected.y, 1e-5, "y");
  expect_near(actual.rstd, expected.rstd, 1e-5, "rstd");
  EXPECT_FALSE(ops::rms_norm(x, weight, 1e-6, false).rstd.defined());
  EXPECT_FALSE(ops::aten::rms_norm(x, weight, 1e-6, false).rstd.defined());
  at::Tensor dw = at::ones({48}), aten_dw = at::ones({48});
  const at::Tensor dx = ops::rms_norm_backward(dy, x, weight, expected.rstd, dw);
  expect_near(ops::aten::rms_norm_backward(dy, x, weight, expected.rstd, aten_dw), dx, 1e-5, "dx");
  expect_near(aten_dw, dw, 1e-5, "dweight");
}

TEST_P(OpsOfKind, RmsNormOfHeadsInsideAFusedMatrix) {
  const at::Tensor fused = normal({17, 9 * 16}, 3.0), gradient = normal({17, 9 * 16}), weight = normal({16});
  const auto heads = [](const at::Tensor& matrix) { return matrix.narrow(1, 32, 80).view({17, 5, 16}); };
  // Head by head through the plain operation.
  at::Tensor expected = fused.clone(), expected_gradient = gradient.clone(), expected_dw = at::ones({16});
  at::Tensor expected_rstd = at::zeros({17, 5});
  for (int64_t head = 0; head < 5; ++head) {
    const at::Tensor x = heads(fused).select(1, head);
    const ops::Normed normed = ops::rms_norm(x, weight, 1e-6, true);
    heads(expected).select(1, head).copy_(normed.y);
    expected_rstd.select(1, head).copy_(normed.rstd);
    heads(expected_gradient)
        .select(1, head)
        .copy_(ops::rms_norm_backward(heads(gradient).select(1, head), x, weight, normed.rstd, expected_dw));
  }
  at::Tensor table = fused.clone(), aten = fused.clone(), table_rstd = at::zeros({17, 5}), aten_rstd = at::zeros({17, 5});
  ops::rms_norm_heads(heads(fused), weight, 1e-6, heads(table), table_rstd);
  ops::aten::rms_norm_heads(heads(fused), weight, 1e-6, heads(aten), aten_rstd);
  EXPECT_TRUE(at::equal(table, expected));
  EXPECT_TRUE(at::equal(table_rstd, expected_rstd));
  expect_near(aten, table, 1e-5, "y");
  expect_near(aten_rstd, table_rstd, 1e-5, "rstd");
  for (const auto norm : {ops::rms_norm_heads, ops::aten::rms_norm_heads}) {
    at::Tensor in_place = fused.clone();
    norm(heads(in_place), weight, 1e-6, heads(in_place), at::Tensor());
    expect_near(in_place, table, 1e-5, "in place");
  }
  for (const auto backward : {ops::rms_norm_heads_backward_, ops::aten::rms_norm_heads_backward_}) {
    at::Tensor d = gradient.clone(), dw = at::ones({16}), none;
    backward(heads(d), heads(fused), weight, table_rstd, dw);
    expect_near(d, expected_gradient, 1e-5, "dx");
    expect_near(dw, expected_dw, 1e-5, "dweight");
    d = gradient.clone();
    backward(heads(d), heads(fused), weight, table_rstd, none);
    expect_near(d, expected_gradient, 1e-5, "dx of a frozen weight");
  }
}

TEST_P(OpsOfKind, RopeOnSlicesOfAFusedMatrix) {
  const at::Tensor fused = normal({17, 4 * 3 * 16}), angle = at::rand({40, 8}) * 6.28, positions = at::randint(40, {17}, at::kInt);
  const at::Tensor cos = angle.cos(), sin = angle.sin();
  for (const bool inverse : {false, true}) {
    const auto slice = [](const at::Tensor& matrix) { return matrix.narrow(1, 48, 96).view({17, 6, 16}); };
    at::Tensor table = fused.clone(), aten = fused.clone();
    ops::rope_(slice(table), positions, cos, sin, inverse);
    ops::aten::rope_(slice(aten), positions, cos, sin, inverse);
    EXPECT_FALSE(at::equal(table, fused));
    expect_near(aten, table, 1e-5, "rotated");
  }
  EXPECT_THROW(ops::rope_(fused.view({17, 12, 16}).transpose(1, 2), positions, cos, sin, false), Error);
}

TEST_P(OpsOfKind, Swiglu) {
  const at::Tensor gate_up = normal({13, 50}, 2.0), dy = normal({13, 25});
  expect_near(ops::aten::swiglu(gate_up), ops::swiglu(gate_up), 1e-5, "y");
  expect_near(ops::aten::swiglu_backward(dy, gate_up), ops::swiglu_backward(dy, gate_up), 1e-5, "dgate_up");
}

TEST_P(OpsOfKind, AttentionOverCaches) {
  const at::Tensor q = normal({12, 4, 16});
  std::vector<ops::KeySource> sources;
  for (const auto& [begin, queries, keys] :
       std::vector<std::tuple<int64_t, int64_t, int64_t>>{{0, 5, 5}, {5, 1, 30}, {6, 0, 3}, {6, 6, 20}}) {
    sources.push_back({begin, queries, keys, normal({40, 2, 16}), normal({40, 2, 16})});
  }
  for (const int64_t window : {0, 1, 4, 100}) {
    const ops::Attended expected = ops::attention(q, sources, 0.25, window, true),
                        actual = ops::aten::attention(q, sources, 0.25, window, true);
    expect_near(actual.out, expected.out, 1e-5, "out");
    expect_near(actual.lse, expected.lse, 1e-5, "lse");
  }
  EXPECT_FALSE(ops::attention(q, sources, 0.25, 0, false).lse.defined());
}

TEST_P(OpsOfKind, AttentionBackwardOnAFusedMatrix) {
  const int64_t rows = 172;  // the long segment is cut where there is a window
  const at::Tensor qkv = normal({rows, 8 * 16}), dout = normal({rows, 4, 16});
  const auto part = [&](const at::Tensor& matrix, int64_t head, int64_t heads) {
    return matrix.narrow(1, head * 16, heads * 16).view({rows, heads, 16});
  };
  const at::Tensor q = part(qkv, 0, 4), k = part(qkv, 4, 2), v = part(qkv, 6, 2);
  const std::vector<std::pair<int64_t, int64_t>> segments{{0, 9}, {9, 0}, {9, 1}, {10, 162}};
  std::vector<ops::KeySource> sources;
  for (const auto& [begin, length] : segments)
    sources.push_back({begin, length, length, k.narrow(0, begin, length), v.narrow(0, begin, length)});
  for (const int64_t window : {0, 1, 5, 70, 500}) {
    const ops::Attended attended = ops::attention(q, sources, 0.3, window, true);
    expect_near(ops::aten::attention(q, sources, 0.3, window, true).out, attended.out, 1e-5, "out");
    at::Tensor expected = at::zeros_like(qkv), actual = at::zeros_like(qkv);
    const auto run = [&](auto backward, at::Tensor& to) {
      backward(q, k, v, segments, attended, dout, 0.3, window, part(to, 0, 4), part(to, 4, 2), part(to, 6, 2));
    };
    run(ops::attention_backward, expected);
    run(ops::aten::attention_backward, actual);
    expect_near(actual, expected, narrow() ? 1e-2 : 2e-5, "dqkv");
  }
}

TEST_P(OpsOfKind, CopyRows) {
  const at::Tensor from = normal({10, 6 * 8}).narrow(1, 8, 32).view({10, 4, 8});
  for (const auto copy : {ops::copy_rows, ops::aten::copy_rows}) {
    const at::Tensor first = normal({20, 4, 8}), second = normal({20, 4, 8});
    copy(from, {{0, 4, first.narrow(0, 3, 4)}, {4, 0, second.narrow(0, 0, 0)}, {4, 6, second.narrow(0, 9, 6)}});
    EXPECT_TRUE(at::equal(first.narrow(0, 3, 4), from.narrow(0, 0, 4)));
    EXPECT_TRUE(at::equal(second.narrow(0, 9, 6), from.narrow(0, 4, 6)));
  }
}

TEST_P(OpsOfKind, AdamW) {
  const at::Tensor start = at::randn({301}), grad = at::randn({301});
  struct State {
    at::Tensor master, m, v, value;
  };
  const auto run = [&](auto step, bool shared) {
    State s{start.clone(), at::zeros({301}), at::zeros({301}), {}};
    s.value = shared ? s.master : at::zeros({301}, type());
    for (int64_t t = 1; t <= 3; ++t) step(s.master, s.m, s.v, grad, s.value, ops::AdamWOptions{1e-2, 0.9, 0.999, 1e-8, 0.1, t, 0.5f});
    return s;
  };
  for (const bool shared : {false, true}) {
    const State expected = run(ops::adamw_, shared), actual = run(ops::aten::adamw_, shared);
    expect_near(actual.master, expected.master, 1e-5, "master");
    expect_near(actual.m, expected.m, 1e-5, "exp_avg");
    expect_near(actual.v, expected.v, 1e-5, "exp_avg_sq");
    expect_near(actual.value, expected.value, 1e-5, "value");
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, OpsOfKind, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) { return info.param == at::kFloat ? "float32" : "bfloat16"; });

TEST(Ops, TokenStatsAndGradient) {
  at::manual_seed(3);
  const at::Tensor logits = at::randn({14, 70}) * 3, other = at::randn({14, 70}) * 3, inverse = at::rand({14}) + 0.5;
  const at::Tensor targets = at::randint(70, {14}, at::kInt), g = at::randn({3, 14});
  logits.select(0, 3).narrow(0, 10, 20).fill_(-INFINITY);
  targets.select(0, 3).fill_(0);
  for (const bool entropy : {false, true}) {
    for (const at::Tensor& reference : {at::Tensor(), other}) {
      const ops::TokenStats expected = ops::token_stats(logits, reference, inverse, targets, entropy);
      const ops::TokenStats actual = ops::aten::token_stats(logits, reference, inverse, targets, entropy);
      expect_near(actual.logp, expected.logp, 1e-5, "logp");
      expect_near(actual.lse, expected.lse, 1e-5, "lse");
      expect_near(actual.entropy, expected.entropy, 1e-5, "entropy");
      expect_near(actual.kl, expected.kl, 1e-5, "kl");
      expect_near(actual.reference_lse, expected.reference_lse, 1e-5, "reference_lse");
      const at::Tensor g_entropy = entropy ? g[1] : at::Tensor(), g_kl = reference.defined() ? g[2] : at::Tensor();
      at::Tensor table = logits.clone(), aten = logits.clone();
      ops::token_gradient_(table, reference, inverse, targets, expected, g[0], g_entropy, g_kl);
      ops::aten::token_gradient_(aten, reference, inverse, targets, expected, g[0], g_entropy, g_kl);
      expect_near(aten, table, 1e-5, "dlogits");
    }
  }
}

TEST(Ops, SamplingThroughATenPicksTheSameTokens) {
  at::manual_seed(5);
  const int64_t count = 400, vocab = 60;
  at::Tensor logits = at::randn({count, vocab}) * 3;
  logits.narrow(0, 0, 100).round_();  // equals
  logits.narrow(1, 20, 3).fill_(-INFINITY);
  const at::Tensor uniform = at::rand({count}, at::kDouble);
  std::vector<SampleRow> rows;
  for (int64_t i = 0; i < count; ++i) {
    const float top_p[] = {1.0f, 0.9f, 0.4f, 0.0f};
    const int32_t top_k[] = {0, 1, 7, 200, 0};
    rows.push_back({i % 2 ? 1.0f : 0.7f, top_p[i % 4], i % 3 ? 0.0f : 0.2f, top_k[i % 5], i % 11 == 0, uniform[i].item<double>()});
  }
  std::vector<int32_t> expected(rows.size()), actual(rows.size());
  std::vector<float> expected_logp(rows.size()), actual_logp(rows.size());
  ops::sample(logits, rows, expected.data(), expected_logp.data());
  ops::aten::sample(logits, rows, actual.data(), actual_logp.data());
  int different = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (actual[i] != expected[i]) {
      ++different;
    } else {
      EXPECT_NEAR(actual_logp[i], expected_logp[i], 1e-5);
    }
  }
  EXPECT_LE(different, 1) << "a uniform number may fall between two roundings of a boundary, but hardly twice";
  ops::aten::sample(logits, {}, nullptr, nullptr);
}

TEST(Ops, SumSquares) {
  at::manual_seed(6);
  const at::Tensor x = at::randn({40, 30});
  const double expected = x.to(at::kDouble).square().sum().item<double>();
  EXPECT_NEAR(ops::sum_squares(x), expected, 1e-9 * expected);
  EXPECT_NEAR(ops::aten::sum_squares(x), expected, 1e-9 * expected);
  EXPECT_NEAR(ops::sum_squares(x.t()), expected, 1e-9 * expected);
}

TEST(Ops, RefusesOtherElementTypes) { EXPECT_THROW(ops::kind_of(at::zeros({2}, at::kDouble)), Error); }

TEST(Ops, RefusesACudaTableOfAnotherVersion) {
  Ops other = reference_ops();
  other.version = kOpsVersion + 1;
  EXPECT_THROW(register_cuda_ops(&other), Error);
  EXPECT_THROW(register_cuda_ops(nullptr), Error);
  EXPECT_EQ(cuda_ops(), nullptr);
}

}  // namespace
}  // namespace astarpo
