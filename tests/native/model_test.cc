#include <limits>
#include <map>
#include <set>

#include <ATen/Parallel.h>

#include "native/model/abort.h"
#include "tests/native/double_decoder.h"
#include "tests/native/model_fixtures.h"

namespace astarpo {
namespace {

using namespace testing;

RowBatch one_sequence(const std::vector<int32_t>& tokens, KvCache* cache) {
  return {tokens, {{0, static_cast<int64_t>(tokens.size()), cache}}, std::nullopt};
}

std::vector<int32_t> part(const std::vector<int32_t>& tokens, int64_t begin, int64_t end) {
  return {tokens.begin() + begin, tokens.begin() + end};
}

TEST(Parameters, NamesAndShapesAreThoseOfHuggingFace) {
  DecoderConfig config = small_config();
  config.layers = 1;
  config.tied_head = false;
  const Parameters parameters(config, {});
  const std::vector<std::pair<std::string, std::vector<int64_t>>> expected = {
      {"model.embed_tokens.weight", {13, 10}},
      {"model.layers.0.input_layernorm.weight", {10}},
      {"model.layers.0.self_attn.q_proj.weight", {16, 10}},
      {"model.layers.0.self_attn.q_proj.bias", {16}},
      {"model.layers.0.self_attn.k_proj.weight", {8, 10}},
      {"model.layers.0.self_attn.k_proj.bias", {8}},
      {"model.layers.0.self_attn.v_proj.weight", {8, 10}},
      {"model.layers.0.self_attn.v_proj.bias", {8}},
      {"model.layers.0.self_attn.o_proj.weight", {10, 16}},
      {"model.layers.0.post_attention_layernorm.weight", {10}},
      {"model.layers.0.mlp.gate_proj.weight", {14, 10}},
      {"model.layers.0.mlp.up_proj.weight", {14, 10}},
      {"model.layers.0.mlp.down_proj.weight", {10, 14}},
      {"model.norm.weight", {10}},
      {"lm_head.weight", {13, 10}},
  };
  ASSERT_EQ(parameters.slices.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(parameters.slices[i].name, expected[i].first);
    EXPECT_EQ(parameters.slices[i].shape, expected[i].second);
  }
}

TEST(Parameters, FeaturesAddTheirTensors) {
  DecoderConfig config = small_config();
  config.layers = 1;
  std::map<std::string, std::vector<int64_t>> expected;
  for (const NamedSlice& slice : Parameters(config, {}).slices) expected[slice.name] = slice.shape;
  expected["model.layers.0.self_attn.q_norm.weight"] = {4};
  expected["model.layers.0.self_attn.k_norm.weight"] = {4};
  expected["model.layers.0.self_attn.o_proj.bias"] = {10};
  expected["model.layers.0.mlp.gate_proj.bias"] = {14};
  expected["model.layers.0.mlp.up_proj.bias"] = {14};
  expected["model.layers.0.mlp.down_proj.bias"] = {10};
  std::map<std::string, std::vector<int64_t>> got;
  for (const NamedSlice& slice : Parameters(with_all_features(config), {}).slices) got[slice.name] = slice.shape;
  EXPECT_EQ(got, expected);
}

TEST(Parameters, SlicesTileEveryParameterOnce) {
  for (const bool bias : {false, true}) {
    for (const bool tied : {false, true}) {
      DecoderConfig config = wide_config();
      config.qkv_bias = config.o_bias = config.mlp_bias = config.qk_norm = bias;
      config.tied_head = tied;
      Parameters parameters(config, {});
      float mark = 0;
      for (const NamedSlice& slice : parameters.slices) parameters.view(slice, TensorGroup::weights).fill_(++mark);
      mark = 0;
      for (const NamedSlice& slice : parameters.slices) {
        ++mark;
        for (const float value : read_tensor(parameters, TensorGroup::weights, slice.name))
          ASSERT_EQ(value, mark) << slice.name << " is overlapped";
      }
      int64_t in_slices = 0, in_parameters = 0;
      for (const NamedSlice& slice : parameters.slices) in_slices += parameters.view(slice, TensorGroup::weights).numel();
      for (const Parameter& parameter : parameters.all) in_parameters += parameter.value.numel();
      EXPECT_EQ(in_slices, in_parameters);
      EXPECT_EQ(tied, parameters.head == parameters.embedding);
    }
  }
}

TEST(Parameters, RefusesImpossibleConfigurations) {
  const auto refuse = [](const char* words, auto change) {
    DecoderConfig config = small_config();
    change(config);
    expect_error("ASTARPO_CONFIG", words, [&] { Parameters(config, {}); });
  };
  refuse("heads", [](DecoderConfig& config) { config.kv_heads = 3; });
  refuse("head_dim", [](DecoderConfig& config) { config.head_dim = 5; });
  refuse("layers", [](DecoderConfig& config) { config.layers = 0; });
  refuse("vocab_size", [](DecoderConfig& config) { config.vocab_size = -1; });
  refuse("rms_norm_eps", [](DecoderConfig& config) { config.rms_norm_eps = std::numeric_limits<double>::quiet_NaN(); });
  refuse("one window per layer", [](DecoderConfig& config) { config.windows = {1}; });
  refuse("windows of 0", [](DecoderConfig& config) { config.windows = {1, -1}; });
  refuse("vocabulary", [](DecoderConfig& config) { config.vocab_size = INT32_MAX, config.hidden_size = int64_t{1} << 39; });
  expect_error("ASTARPO_CONFIG", "dtype", [] { Parameters(small_config(), {.dtype = c10::kDouble}); });
  Parameters parameters(small_config(), {});
  expect_error("ASTARPO_TENSOR_UNKNOWN", "lm_head.weight", [&] { parameters.slice("lm_head.weight"); });
}

TEST(Parameters, InitializationDependsOnSeedAndNameAlone) {
  DecoderConfig config = wide_config();
  config.qk_norm = true;
  Parameters one(config, {}), two(config, {}), other(config, {});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  one.initialize(7, 0.02);
  at::set_num_threads(2);
  two.initialize(7, 0.02);
  at::set_num_threads(threads);
  other.initialize(8, 0.02);
  DecoderConfig deeper = config;
  deeper.layers = 5;
  Parameters deep(deeper, {});
  deep.initialize(7, 0.02);
  Parameters rounded(config, {.dtype = c10::kBFloat16});
  rounded.initialize(7, 0.02);
  std::set<float> firsts;
  for (const NamedSlice& slice : one.slices) {
    const std::vector<float> values = read_tensor(one, TensorGroup::weights, slice.name);
    expect_same_bits(values, read_tensor(two, TensorGroup::weights, slice.name));
    expect_same_bits(values, read_tensor(deep, TensorGroup::weights, slice.name));
    expect_same_bits(floats_of(one.view(slice, TensorGroup::weights).to(c10::kBFloat16)),
                     read_tensor(rounded, TensorGroup::weights, slice.name));
    if (slice.shape.size() == 1) {
      for (const float value : values) ASSERT_EQ(value, slice.name.ends_with(".bias") ? 0.0F : 1.0F);
      continue;
    }
    EXPECT_NE(values, read_tensor(other, TensorGroup::weights, slice.name)) << slice.name;
    EXPECT_TRUE(firsts.insert(values[0]).second) << slice.name << " starts as another tensor does";
  }
  const std::vector<float> values = read_tensor(one, TensorGroup::weights, "model.layers.1.mlp.gate_proj.weight");
  double sum = 0, squares = 0, fourth = 0;
  for (const double value : values) sum += value, squares += value * value, fourth += value * value * value * value;
  const auto count = static_cast<double>(values.size());
  EXPECT_NEAR(sum / count, 0, 0.02 * 4 / std::sqrt(count));
  EXPECT_NEAR(std::sqrt(squares / count), 0.02, 0.02 * 3 / std::sqrt(count));
  EXPECT_NEAR(fourth / count / (squares / count * squares / count), 3.0, 0.3);  // kurtosis of a normal
}

// Two sequences side by side.
void expect_logits_of_doubles(const DecoderConfig& config, const ModelOptions& options) {
  const auto decoder = random_decoder(config, options, 3, 0.15);
  const Weights weights = weights_of(decoder->parameters());
  const DoubleDecoder expected(config, weights);
  Numbers numbers(5);
  const std::vector<int32_t> a = random_tokens(numbers, 37, config.vocab_size), b = random_tokens(numbers, 5, config.vocab_size);
  RowBatch batch{a, {{0, 37, nullptr}, {37, 5, nullptr}}, std::nullopt};
  batch.tokens.insert(batch.tokens.end(), b.begin(), b.end());
  const std::vector<float> logits = floats_of(decoder->logits(decoder->forward(batch, nullptr, nullptr)));
  std::vector<double> flat;
  for (const auto& sequence : {a, b}) {
    for (const auto& row : expected.logits(sequence)) flat.insert(flat.end(), row.begin(), row.end());
  }
  expect_near(logits, flat, 2e-4);
}

TEST(Decoder, LogitsMatchTheFormulasInDoubles) {
  for (const bool bias : {false, true}) {
    for (const bool tied : {false, true}) {
      for (const bool reproducible : {false, true}) {
        DecoderConfig config = wide_config();
        config.qkv_bias = bias;
        config.tied_head = tied;
        expect_logits_of_doubles(config, {.reproducible = reproducible});
      }
    }
  }
}

TEST(Decoder, EveryFeatureMatchesTheFormulasInDoubles) {
  DecoderConfig normed = wide_config(), biased = normed, windowed = normed, scaled = normed;
  normed.qk_norm = true;
  biased.o_bias = biased.mlp_bias = true;
  windowed.windows = {1, 6, 500};
  scaled.rope_scale = 1.25;
  for (const bool reproducible : {false, true}) {
    for (const DecoderConfig& config : {normed, biased, windowed, scaled, with_all_features(wide_config())}) {
      expect_logits_of_doubles(config, {.reproducible = reproducible});
    }
  }
}

TEST(Decoder, Bfloat16StaysCloseToFloat32) {
  const DecoderConfig config = with_all_features(wide_config());
  const auto half = random_decoder(config, {.dtype = c10::kBFloat16, .reproducible = true}, 3, 0.1);
  const Weights weights = weights_of(half->parameters());
  Numbers numbers(5);
  const std::vector<int32_t> tokens = random_tokens(numbers, 40, config.vocab_size);
  const at::Tensor logits = half->logits(half->forward(one_sequence(tokens, nullptr), nullptr, nullptr));
  EXPECT_EQ(logits.scalar_type(), c10::kFloat);
  std::vector<double> flat;
  double squares = 0;
  for (const auto& row : DoubleDecoder(config, weights).logits(tokens)) flat.insert(flat.end(), row.begin(), row.end());
  for (const double value : flat) squares += value * value;
  const std::vector<float> got = floats_of(logits);
  double error = 0;
  for (size_t i = 0; i < flat.size(); ++i) error += (got[i] - flat[i]) * (got[i] - flat[i]);
  EXPECT_LT(std::sqrt(error / squares), 0.02);
  EXPECT_GT(error, 0);  // it did run in bfloat16
}

class DecoderOfConfig : public ::testing::TestWithParam<DecoderConfig> {};
INSTANTIATE_TEST_SUITE_P(Configs, DecoderOfConfig, ::testing::Values(wide_config(), with_all_features(wide_config())),
                         [](const auto& info) { return info.index == 0 ? "plain" : "all_features"; });

TEST_P(DecoderOfConfig, PiecesThroughACacheEqualOneForward) {
  const DecoderConfig config = GetParam();
  Numbers numbers(1);
  const std::vector<int32_t> tokens = random_tokens(numbers, 150, config.vocab_size);
  for (const c10::ScalarType dtype : {c10::kFloat, c10::kBFloat16}) {
    for (const bool reproducible : {true, false}) {
      const auto decoder = random_decoder(config, {.dtype = dtype, .reproducible = reproducible}, 4, 0.1);
      const at::Tensor whole = decoder->forward(one_sequence(tokens, nullptr), nullptr, nullptr);
      KvCache cache;
      std::vector<float> pieces;
      int64_t begin = 0;
      for (const int64_t length : {1, 2, 61, 1, 1, 17, 66, 1}) {
        const std::vector<float> hidden =
            floats_of(decoder->forward(one_sequence(part(tokens, begin, begin + length), &cache), nullptr, nullptr));
        pieces.insert(pieces.end(), hidden.begin(), hidden.end());
        begin += length;
        ASSERT_EQ(cache.length, begin);
      }
      ASSERT_EQ(begin, 150);
      if (reproducible) {
        expect_same_bits(floats_of(whole), pieces);
      } else {
        expect_near(floats_of(whole), pieces, dtype == c10::kFloat ? 1e-4 : 0.2);
      }
    }
  }
}

TEST_P(DecoderOfConfig, ARowDoesNotSeeItsNeighboursInReproducibleMode) {
  const DecoderConfig config = GetParam();
  const auto decoder = random_decoder(config, reproducible_options(), 4, 0.1);
  Numbers numbers(2);
  std::vector<std::vector<int32_t>> sequences;
  for (const int64_t length : {7, 1, 64, 33, 130}) sequences.push_back(random_tokens(numbers, length, config.vocab_size));
  std::vector<std::vector<float>> alone;
  for (const auto& tokens : sequences) alone.push_back(floats_of(decoder->forward(one_sequence(tokens, nullptr), nullptr, nullptr)));
  for (const std::vector<size_t>& order : {std::vector<size_t>{0, 1, 2, 3, 4}, {4, 2, 0}, {3, 3, 1}}) {
    RowBatch batch;
    std::vector<float> expected;
    std::vector<KvCache> caches(order.size());
    for (size_t i = 0; i < order.size(); ++i) {
      const auto& tokens = sequences[order[i]];
      // Sequences with and without a cache side by side.
      batch.segments.push_back(
          {static_cast<int64_t>(batch.tokens.size()), static_cast<int64_t>(tokens.size()), i % 2 == 0 ? &caches[i] : nullptr});
      batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
      expected.insert(expected.end(), alone[order[i]].begin(), alone[order[i]].end());
    }
    expect_same_bits(floats_of(decoder->forward(batch, nullptr, nullptr)), expected);
  }
}

TEST_P(DecoderOfConfig, WantedRowsEqualThoseOfAllRows) {
  const DecoderConfig config = GetParam();
  const auto decoder = random_decoder(config, reproducible_options(), 4, 0.1);
  Numbers numbers(3);
  RowBatch batch{random_tokens(numbers, 50, config.vocab_size), {{0, 20, nullptr}, {20, 30, nullptr}}, std::nullopt};
  const std::vector<float> all = floats_of(decoder->forward(batch, nullptr, nullptr));
  for (const std::vector<int32_t>& wanted : {std::vector<int32_t>{49}, {0, 3, 4, 5, 19, 20, 48}, {}}) {
    batch.wanted = wanted;
    std::vector<float> expected;
    for (const int32_t row : wanted)
      expected.insert(expected.end(), all.begin() + row * config.hidden_size, all.begin() + (row + 1) * config.hidden_size);
    const at::Tensor hidden = decoder->forward(batch, nullptr, nullptr);
    EXPECT_EQ(hidden.size(0), static_cast<int64_t>(wanted.size()));
    expect_same_bits(floats_of(hidden), expected);
  }
  // Keys and values of rows that nobody wanted must be in the cache all the same.
  KvCache cache;
  RowBatch head = one_sequence(part(batch.tokens, 0, 15), &cache);
  head.wanted.emplace();
  decoder->forward(head, nullptr, nullptr);
  const std::vector<float> tail = floats_of(decoder->forward(one_sequence(part(batch.tokens, 15, 20), &cache), nullptr, nullptr));
  expect_same_bits(tail, {all.begin() + 15 * config.hidden_size, all.begin() + 20 * config.hidden_size});
}

TEST(Decoder, AnAbortedCallLeavesTheCacheUsable) {
  const DecoderConfig config = wide_config();
  const auto decoder = random_decoder(config, reproducible_options(), 4, 0.1);
  Numbers numbers(3);
  const std::vector<int32_t> tokens = random_tokens(numbers, 30, config.vocab_size);
  const std::vector<float> expected = floats_of(decoder->forward(one_sequence(tokens, nullptr), nullptr, nullptr));
  KvCache cache;
  decoder->forward(one_sequence(part(tokens, 0, 10), &cache), nullptr, nullptr);
  AbortFlag abort;
  abort.set();
  expect_error("ASTARPO_ABORTED", "aborted", [&] { decoder->forward(one_sequence(part(tokens, 10, 30), &cache), nullptr, &abort); });
  EXPECT_EQ(cache.length, 10);
  // What a call that got further would have left behind the valid keys.
  for (size_t layer = 0; layer < cache.k.size(); ++layer) {
    cache.k[layer].narrow(0, 10, cache.capacity - 10).fill_(std::numeric_limits<float>::quiet_NaN());
    cache.v[layer].narrow(0, 10, cache.capacity - 10).fill_(std::numeric_limits<float>::quiet_NaN());
  }
  const std::vector<float> rest = floats_of(decoder->forward(one_sequence(part(tokens, 10, 30), &cache), nullptr, nullptr));
  expect_same_bits(rest, {expected.begin() + 10 * config.hidden_size, expected.end()});
}

TEST(Decoder, AClonedCacheIsIndependent) {
  const DecoderConfig config = wide_config();
  const auto decoder = random_decoder(config, reproducible_options(), 4, 0.1);
  Numbers numbers(9);
  const std::vector<int32_t> start = random_tokens(numbers, 100, config.vocab_size), a = random_tokens(numbers, 80, config.vocab_size),
                             b = random_tokens(numbers, 90, config.vocab_size);
  KvCache first;
  EXPECT_EQ(first.clone().length, 0);
  decoder->forward(one_sequence(start, &first), nullptr, nullptr);
  KvCache second = first.clone();
  const auto run = [&](const std::vector<int32_t>& rest, KvCache& cache) {
    return floats_of(decoder->forward(one_sequence(rest, &cache), nullptr, nullptr));
  };
  const auto expected = [&](const std::vector<int32_t>& rest) {
    std::vector<int32_t> tokens = start;
    tokens.insert(tokens.end(), rest.begin(), rest.end());
    const std::vector<float> all = floats_of(decoder->forward(one_sequence(tokens, nullptr), nullptr, nullptr));
    return std::vector<float>(all.begin() + 100 * config.hidden_size, all.end());
  };
  expect_same_bits(run(a, first), expected(a));
  expect_same_bits(run(b, second), expected(b));
}

TEST(Decoder, RefusesWhatDoesNotFit) {
  const DecoderConfig config = small_config();
  const auto decoder = random_decoder(config, reproducible_options(), 1);
  expect_error("ASTARPO_TOKEN_RANGE", "13", [&] { decoder->forward(one_sequence({1, 13}, nullptr), nullptr, nullptr); });
  expect_error("ASTARPO_TOKEN_RANGE", "-1", [&] { decoder->forward(one_sequence({-1}, nullptr), nullptr, nullptr); });
  KvCache cache;
  decoder->forward(one_sequence(std::vector<int32_t>(64, 1), &cache), nullptr, nullptr);
  expect_error("ASTARPO_CONTEXT", "64", [&] { decoder->forward(one_sequence({1}, &cache), nullptr, nullptr); });
  EXPECT_EQ(cache.length, 64);
}

TEST(Decoder, AFrozenCopyHasItsOwnWeights) {
  const auto decoder = random_decoder(small_config(), reproducible_options(), 1);
  const std::unique_ptr<Decoder> copy = decoder->frozen_copy();
  const RowBatch batch = one_sequence({1, 2, 3}, nullptr);
  const std::vector<float> before = floats_of(copy->forward(batch, nullptr, nullptr));
  expect_same_bits(before, floats_of(decoder->forward(batch, nullptr, nullptr)));
  decoder->parameters().initialize(99, 0.5);
  expect_same_bits(before, floats_of(copy->forward(batch, nullptr, nullptr)));
}

}  // namespace
}  // namespace astarpo
