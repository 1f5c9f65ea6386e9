#include <cmath>
#include <functional>

#include "native/train/optimizer.h"
#include "native/train/row_logits.h"
#include "tests/native/double_decoder.h"
#include "tests/native/model_fixtures.h"

namespace astarpo {
namespace {

using namespace testing;

RowGradients random_gradients(int64_t rows, bool kl, bool entropy, uint64_t seed) {
  Numbers numbers(seed);
  RowGradients gradients;
  for (int64_t row = 0; row < rows; ++row) {
    gradients.logp.push_back(numbers.symmetric());
    if (kl) gradients.kl.push_back(numbers.symmetric());
    if (entropy) gradients.entropy.push_back(numbers.symmetric());
  }
  return gradients;
}

std::vector<float> all_gradients(Parameters& parameters) {
  std::vector<float> all;
  for (const NamedSlice& slice : parameters.slices) {
    const std::vector<float> values = read_tensor(parameters, TensorGroup::gradient, slice.name);
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

// The rows of sequences `chosen`, in that order.
PackedBatch choose(const PackedBatch& batch, const std::vector<size_t>& chosen) {
  PackedBatch result;
  result.offsets.push_back(0);
  for (const size_t sequence : chosen) {
    for (int32_t t = batch.offsets[sequence]; t < batch.offsets[sequence + 1]; ++t) {
      result.tokens.push_back(batch.tokens[static_cast<size_t>(t)]);
      result.mask.push_back(batch.mask[static_cast<size_t>(t)]);
    }
    result.offsets.push_back(static_cast<int32_t>(result.tokens.size()));
    result.temperature.push_back(batch.temperature[sequence]);
  }
  return result;
}

struct Shape {
  bool tied, bias, reproducible;
  int64_t kv_heads;
  bool qk_norm = false, other_biases = false;
  std::vector<int32_t> windows{};
  double rope_scale = 1.0;
};

class PassOfShape : public ::testing::TestWithParam<Shape> {
 protected:
  DecoderConfig config() const {
    DecoderConfig config = small_config();
    config.tied_head = GetParam().tied;
    config.qkv_bias = GetParam().bias;
    config.kv_heads = GetParam().kv_heads;
    config.qk_norm = GetParam().qk_norm;
    config.o_bias = config.mlp_bias = GetParam().other_biases;
    config.windows = GetParam().windows;
    config.rope_scale = GetParam().rope_scale;
    return config;
  }
};

// The whole chain of derivatives against central differences of the double decoder, for every single weight.
TEST_P(PassOfShape, ValuesAndGradientsMatchDoubles) {
  const DecoderConfig config = this->config();
  DecoderConfig reference_config = config;
  reference_config.hidden_size = 6;  // only the vocabulary has to be the same
  reference_config.tied_head = !config.tied_head;
  const ModelOptions options{.reproducible = GetParam().reproducible};
  const auto model = random_decoder(config, options, 11), reference = random_decoder(reference_config, options, 12);
  const PackedBatch batch = random_batch(config, {9, 5, 1, 12}, 21);
  const int64_t rows = batch.rows();
  ASSERT_GT(rows, 6);

  const auto reference_weights = weights_of(reference->parameters());
  const DoubleDecoder double_reference(reference_config, reference_weights);
  Weights weights = weights_of(model->parameters());
  const RowValues expected = row_values(DoubleDecoder(config, weights), double_reference, batch);

  const auto reference_side = reference_rows(reference, batch, nullptr);
  const ForwardResult result = forward(*model, batch, {.reference = reference_side, .entropy = true, .keep_graph = true}, nullptr);
  expect_near(result.logp, expected.logp, 3e-5);
  expect_near(result.kl, expected.kl, 3e-5);
  expect_near(result.entropy, expected.entropy, 3e-5);

  const RowGradients gradients = random_gradients(rows, true, true, 5);
  backward(*model, result.pass, gradients, nullptr);
  const Weights got = weights_of(model->parameters(), TensorGroup::gradient);

  const auto loss = [&] {
    const RowValues values = row_values(DoubleDecoder(config, weights), double_reference, batch);
    double sum = 0;
    for (size_t row = 0; row < values.logp.size(); ++row) {
      sum += gradients.logp[row] * values.logp[row] + gradients.kl[row] * values.kl[row] + gradients.entropy[row] * values.entropy[row];
    }
    return sum;
  };
  constexpr double kStep = 1e-5;
  for (auto& [name, values] : weights) {
    for (size_t i = 0; i < values.size(); ++i) {
      const double value = values[i];
      values[i] = value + kStep;
      const double above = loss();
      values[i] = value - kStep;
      const double below = loss();
      values[i] = value;
      const double slope = (above - below) / (2 * kStep);
      ASSERT_NEAR(got.at(name)[i], slope, 2e-4 * (1 + std::abs(slope))) << name << " element " << i;
    }
  }
  EXPECT_FALSE(reference->parameters().has_gradients());
}

INSTANTIATE_TEST_SUITE_P(Shapes, PassOfShape,
                         ::testing::Values(Shape{true, true, true, 2}, Shape{false, false, true, 1}, Shape{true, false, false, 4},
                                           Shape{false, true, false, 2},
                                           Shape{.tied = true, .reproducible = true, .kv_heads = 2, .qk_norm = true},
                                           Shape{.reproducible = false, .kv_heads = 1, .qk_norm = true, .windows = {0, 2}},
                                           Shape{.reproducible = true, .kv_heads = 2, .other_biases = true, .windows = {3, 1}},
                                           Shape{true, true, true, 2, true, true, {5, 0}, 1.25}));

// Each of the three gradients alone, at a width where the vectorised kernels run in full, along random directions.
TEST(Pass, EachKindOfGradientMatchesADirectionalDerivative) {
  DecoderConfig config = wide_config();
  config.layers = 2;
  const auto model = random_decoder(config, reproducible_options(), 11, 0.12),
             reference = random_decoder(config, reproducible_options(), 12, 0.12);
  const PackedBatch batch = random_batch(config, {40, 23}, 3);
  const int64_t rows = batch.rows();
  const Weights base = weights_of(model->parameters()), reference_weights = weights_of(reference->parameters());
  const DoubleDecoder double_reference(config, reference_weights);
  const auto reference_side = reference_rows(reference, batch, nullptr);
  const std::vector<double> zeros(static_cast<size_t>(rows), 0.0);
  for (const int kind : {0, 1, 2}) {
    const std::vector<double> g = random_gradients(rows, false, false, 31 + static_cast<uint64_t>(kind)).logp;
    RowGradients gradients{
        .logp = kind == 0 ? g : zeros, .kl = kind == 1 ? g : std::vector<double>{}, .entropy = kind == 2 ? g : std::vector<double>{}};
    model->parameters().clear_gradients();
    backward(*model, forward(*model, batch, {.reference = reference_side, .entropy = true, .keep_graph = true}, nullptr).pass, gradients,
             nullptr);
    const Weights got = weights_of(model->parameters(), TensorGroup::gradient);
    for (const uint64_t seed : {1, 2, 3}) {
      Numbers numbers(seed);
      Weights direction = base;
      double predicted = 0, size = 0;
      for (auto& [name, values] : direction) {
        for (size_t i = 0; i < values.size(); ++i) {
          values[i] = numbers.symmetric();
          predicted += values[i] * got.at(name)[i];
          size += got.at(name)[i] * got.at(name)[i];
        }
      }
      const auto loss = [&](double step) {
        Weights moved = base;
        for (auto& [name, values] : moved) {
          for (size_t i = 0; i < values.size(); ++i) values[i] += step * direction.at(name)[i];
        }
        const RowValues values = row_values(DoubleDecoder(config, moved), double_reference, batch);
        const std::vector<double>& chosen = kind == 0 ? values.logp : kind == 1 ? values.kl : values.entropy;
        double sum = 0;
        for (size_t row = 0; row < chosen.size(); ++row) sum += g[row] * chosen[row];
        return sum;
      };
      constexpr double kStep = 1e-5;
      EXPECT_NEAR(predicted, (loss(kStep) - loss(-kStep)) / (2 * kStep), 1e-4 * std::sqrt(size)) << "kind " << kind;
    }
  }
}

// As torch's Embedding with padding_idx.
TEST(Pass, ThePaddingTokenLearnsNothingAsAnInput) {
  for (const bool tied : {false, true}) {
    DecoderConfig config = small_config();
    config.tied_head = tied;
    const auto gradients_of = [&](int64_t padding_id) {
      config.padding_id = padding_id;
      const auto model = random_decoder(config, reproducible_options(), 1);
      const PackedBatch batch = random_batch(config, {40, 23}, 3);
      const ForwardResult result = forward(*model, batch, {.keep_graph = true}, nullptr);
      backward(*model, result.pass, random_gradients(batch.rows(), false, false, 5), nullptr);
      return weights_of(model->parameters(), TensorGroup::gradient);
    };
    const Weights with = gradients_of(3), without = gradients_of(-1);
    const auto hidden = static_cast<size_t>(config.hidden_size);
    for (const auto& [name, values] : without) {
      for (size_t i = 0; i < values.size(); ++i) {
        const bool padding = name == "model.embed_tokens.weight" && i / hidden == 3;
        if (!padding) {
          ASSERT_EQ(with.at(name)[i], values[i]) << name << " element " << i;
        } else {
          ASSERT_NE(with.at(name)[i], values[i]) << "element " << i;
          // What is left comes from the head.
          ASSERT_EQ(with.at(name)[i] == 0.0, !tied) << "element " << i;
        }
      }
    }
  }
}

TEST(RowLogits, AreThoseOfTheMaskedRowsBeforeTheTemperature) {
  const DecoderConfig config = with_all_features(wide_config());
  const auto model = random_decoder(config, reproducible_options(), 1, 0.15);
  const PackedBatch batch = random_batch(config, {9, 1, 30, 17}, 6);
  const Weights weights = weights_of(model->parameters());
  const DoubleDecoder doubles(config, weights);
  std::vector<double> expected;
  for (size_t sequence = 0; sequence + 1 < batch.offsets.size(); ++sequence) {
    const auto begin = static_cast<size_t>(batch.offsets[sequence]), end = static_cast<size_t>(batch.offsets[sequence + 1]);
    const auto rows = doubles.logits({batch.tokens.begin() + batch.offsets[sequence], batch.tokens.begin() + batch.offsets[sequence + 1]});
    for (size_t t = begin + 1; t < end; ++t) {
      if (batch.mask[t] != 0) expected.insert(expected.end(), rows[t - 1 - begin].begin(), rows[t - 1 - begin].end());
    }
  }
  ASSERT_EQ(expected.size(), static_cast<size_t>(batch.rows() * config.vocab_size));
  expect_near(row_logits(model, batch, nullptr), expected, 2e-4);
  PackedBatch nothing = batch;
  std::fill(nothing.mask.begin(), nothing.mask.end(), uint8_t{0});
  EXPECT_TRUE(row_logits(model, nothing, nullptr).empty());
  AbortFlag abort;
  abort.set();
  expect_error("ASTARPO_ABORTED", "aborted", [&] { row_logits(model, batch, &abort); });
}

TEST(Pass, ReferenceWithEqualWeightsGivesExactlyZero) {
  for (const bool reproducible : {true, false}) {
    const DecoderConfig config = wide_config();
    const auto model = random_decoder(config, {.reproducible = reproducible}, 1, 0.1);
    const std::shared_ptr<Decoder> reference = model->frozen_copy();
    const PackedBatch batch = random_batch(config, {30, 50}, 2);
    const auto rows = reference_rows(reference, batch, nullptr);
    const ForwardResult kept = forward(*model, batch, {.reference = rows, .entropy = true, .keep_graph = true}, nullptr);
    expect_same_bits(kept.logp, rows->logp);
    expect_same_bits(kept.logp, forward(*model, batch, {}, nullptr).logp);
    for (const float kl : kept.kl) ASSERT_EQ(kl, 0.0F);
  }
}

TEST(Pass, ChunksOfTheVocabularyHeadDoNotShow) {
  const DecoderConfig config = wide_config();
  const PackedBatch batch = random_batch(config, {60, 33, 41}, 2);
  const RowGradients gradients = random_gradients(batch.rows(), true, true, 4);
  std::vector<float> values, first_gradients;
  for (const int64_t chunk_bytes : {kHeadChunkBytes, int64_t{1}, int64_t{7 * 101 * 4}}) {
    const auto model = random_decoder(config, reproducible_options(), 1, 0.1),
               reference = random_decoder(config, reproducible_options(), 2, 0.1);
    const ForwardResult result = forward(
        *model, batch,
        {.reference = reference_rows(reference, batch, nullptr), .entropy = true, .keep_graph = true, .chunk_bytes = chunk_bytes}, nullptr);
    std::vector<float> all = result.logp;
    all.insert(all.end(), result.kl.begin(), result.kl.end());
    all.insert(all.end(), result.entropy.begin(), result.entropy.end());
    backward(*model, result.pass, gradients, nullptr);
    if (values.empty()) {
      values = all;
      first_gradients = all_gradients(model->parameters());
    }
    expect_same_bits(values, all);
    expect_near(first_gradients, all_gradients(model->parameters()), 1e-4);
  }
}

TEST(Pass, NeighboursAndOrderDoNotShowInReproducibleMode) {
  const DecoderConfig config = wide_config();
  const auto model = random_decoder(config, reproducible_options(), 1, 0.1),
             reference = random_decoder(config, reproducible_options(), 2, 0.1);
  const PackedBatch batch = random_batch(config, {60, 33, 2, 41}, 2);
  const auto score = [&](const std::vector<size_t>& chosen) {
    const PackedBatch part = choose(batch, chosen);
    const ForwardResult result = forward(*model, part, {.reference = reference_rows(reference, part, nullptr), .entropy = true}, nullptr);
    std::vector<float> rows;
    for (size_t i = 0; i < result.logp.size(); ++i) rows.insert(rows.end(), {result.logp[i], result.kl[i], result.entropy[i]});
    return rows;
  };
  std::vector<std::vector<float>> alone;
  for (const size_t sequence : {0, 1, 2, 3}) alone.push_back(score({sequence}));
  for (const std::vector<size_t>& order : {std::vector<size_t>{0, 1, 2, 3}, {3, 1, 0}, {1, 2}}) {
    std::vector<float> expected;
    for (const size_t sequence : order) expected.insert(expected.end(), alone[sequence].begin(), alone[sequence].end());
    expect_same_bits(score(order), expected);
  }
}

TEST(Pass, MicroBatchesAddUpToTheBatch) {
  const DecoderConfig config = wide_config();
  const PackedBatch batch = random_batch(config, {60, 33, 12, 41}, 2);
  const RowGradients gradients = random_gradients(batch.rows(), true, false, 4);
  const auto whole = random_decoder(config, reproducible_options(), 1, 0.1), parts = random_decoder(config, reproducible_options(), 1, 0.1);
  const auto reference = reference_rows(random_decoder(config, reproducible_options(), 2, 0.1), batch, nullptr);
  backward(*whole, forward(*whole, batch, {.reference = reference, .keep_graph = true}, nullptr).pass, gradients, nullptr);
  int64_t begin = 0;
  for (const std::vector<size_t>& chosen : {std::vector<size_t>{0}, {1, 2}, {3}}) {
    const PackedBatch part = choose(batch, chosen);
    const int64_t end = begin + part.rows();
    const RowGradients slice{.logp = {gradients.logp.begin() + begin, gradients.logp.begin() + end},
                             .kl = {gradients.kl.begin() + begin, gradients.kl.begin() + end},
                             .entropy = {}};
    backward(*parts, forward(*parts, part, {.reference = reference, .reference_begin = begin, .keep_graph = true}, nullptr).pass, slice,
             nullptr);
    begin = end;
  }
  ASSERT_EQ(begin, batch.rows());
  expect_near(all_gradients(whole->parameters()), all_gradients(parts->parameters()), 1e-4);
}

TEST(Pass, Bfloat16GradientsPointTheSameWay) {
  const DecoderConfig config = wide_config();
  const auto half = random_decoder(config, {.dtype = c10::kBFloat16, .reproducible = true}, 1, 0.08);
  const auto full = std::make_shared<Decoder>(config, reproducible_options());
  for (size_t i = 0; i < full->parameters().all.size(); ++i) full->parameters().all[i].value.copy_(half->parameters().all[i].value);
  const PackedBatch batch = random_batch(config, {60, 33}, 2);
  const RowGradients gradients = random_gradients(batch.rows(), false, false, 4);
  for (const auto& model : {half, full}) backward(*model, forward(*model, batch, {.keep_graph = true}, nullptr).pass, gradients, nullptr);
  for (const NamedSlice& slice : full->parameters().slices) {
    const auto a = read_tensor(half->parameters(), TensorGroup::gradient, slice.name),
               b = read_tensor(full->parameters(), TensorGroup::gradient, slice.name);
    double dot = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < a.size(); ++i) dot += double{a[i]} * b[i], aa += double{a[i]} * a[i], bb += double{b[i]} * b[i];
    // A key's bias moves all scores of a query alike: its gradient is 0 but for rounding.
    if (slice.name.ends_with("k_proj.bias")) continue;
    EXPECT_GT(dot / std::sqrt(aa * bb), 0.99) << slice.name;
    EXPECT_NEAR(std::sqrt(aa / bb), 1, 0.1) << slice.name;
  }
}

TEST(Pass, IsConsumedByBackwardEvenWhenThatThrows) {
  const DecoderConfig config = small_config();
  const auto model = random_decoder(config, reproducible_options(), 1);
  const PackedBatch batch = random_batch(config, {9, 5}, 2);
  const RowGradients gradients = random_gradients(batch.rows(), false, false, 4);
  const auto fresh = [&] { return forward(*model, batch, {.keep_graph = true}, nullptr).pass; };
  const auto refuse_twice = [&](const char* code, const char* words, const RowGradients& wrong, const AbortFlag* abort) {
    const auto pass = fresh();
    expect_error(code, words, [&] { backward(*model, pass, wrong, abort); });
    expect_error("ASTARPO_PASS_CONSUMED", "forward again", [&] { backward(*model, pass, gradients, nullptr); });
  };
  RowGradients wrong = gradients;
  wrong.logp.pop_back();
  refuse_twice("ASTARPO_ARGUMENT", "gradients of logp", wrong, nullptr);
  wrong = gradients;
  wrong.kl = gradients.logp;
  refuse_twice("ASTARPO_ARGUMENT", "gradients of kl", wrong, nullptr);
  wrong = gradients;
  wrong.entropy = gradients.logp;
  refuse_twice("ASTARPO_ARGUMENT", "gradients of entropy", wrong, nullptr);
  AbortFlag abort;
  abort.set();
  refuse_twice("ASTARPO_ABORTED", "aborted", gradients, &abort);
  expect_error("ASTARPO_ABORTED", "aborted", [&] { forward(*model, batch, {.keep_graph = true}, &abort); });
  const auto pass = fresh();
  backward(*model, pass, gradients, nullptr);
  expect_error("ASTARPO_PASS_CONSUMED", "forward again", [&] { backward(*model, pass, gradients, nullptr); });
}

TEST(Pass, ABatchWithoutScoredRowsIsEmpty) {
  const DecoderConfig config = small_config();
  const auto model = random_decoder(config, reproducible_options(), 1);
  for (const PackedBatch& batch :
       {PackedBatch{{1, 2, 3}, {0, 3}, {0, 0, 0}, {1}}, PackedBatch{{}, {0}, {}, {}}, PackedBatch{{}, {0, 0}, {}, {1}}}) {
    const ForwardResult result =
        forward(*model, batch, {.reference = reference_rows(model, batch, nullptr), .entropy = true, .keep_graph = true}, nullptr);
    EXPECT_TRUE(result.logp.empty());
    backward(*model, result.pass, {}, nullptr);
    EXPECT_FALSE(model->parameters().has_gradients());
  }
}

TEST(PackedBatch, SaysWhatIsWrong) {
  const DecoderConfig config = small_config();
  const PackedBatch good{{1, 2, 3, 4}, {0, 2, 4}, {0, 1, 0, 1}, {1, 0.5}};
  good.check(config);
  EXPECT_EQ(good.rows(), 2);
  const auto refuse = [&](const char* words, const std::function<void(PackedBatch&)>& damage) {
    PackedBatch bad = good;
    damage(bad);
    expect_error("ASTARPO_BATCH", words, [&] { bad.check(config); });
  };
  refuse("mask entries", [](PackedBatch& batch) { batch.mask.pop_back(); });
  refuse("offsets", [](PackedBatch& batch) { batch.offsets.clear(); });
  refuse("temperature", [](PackedBatch& batch) { batch.temperature.pop_back(); });
  refuse("temperature", [](PackedBatch& batch) { batch.temperature[1] = 0; });
  refuse("temperature", [](PackedBatch& batch) { batch.temperature[1] = std::nanf(""); });
  refuse("temperature", [](PackedBatch& batch) { batch.temperature[1] = 1e-45F; });
  refuse("offsets from 0 to 4", [](PackedBatch& batch) { batch.offsets = {0, 2, 5}; });
  refuse("offsets from 0 to 4", [](PackedBatch& batch) { batch.offsets = {1, 2, 4}; });
  refuse("ascending", [](PackedBatch& batch) { batch.offsets = {0, 4, 2, 4}, batch.temperature = {1, 1, 1}; });
  refuse("ascending", [](PackedBatch& batch) { batch.offsets = {0, 1 << 30, 4}; });
  refuse("ids below 13, got 13 in sequence 1", [](PackedBatch& batch) { batch.tokens[3] = 13; });
  refuse("ids below 13, got -1 in sequence 0", [](PackedBatch& batch) { batch.tokens[0] = -1; });
  refuse("first token", [](PackedBatch& batch) { batch.mask[2] = 1; });
  refuse("0 or 1", [](PackedBatch& batch) { batch.mask[3] = 2; });
  refuse("at most 64 tokens, got 65", [](PackedBatch& batch) {
    batch.tokens.assign(65, 1), batch.mask.assign(65, 0), batch.offsets = {0, 65}, batch.temperature = {1};
  });
}

TEST(Pass, RefusesAReferenceThatDoesNotFit) {
  const auto model = random_decoder(small_config(), reproducible_options(), 1);
  const PackedBatch batch{{1, 2, 3, 4}, {0, 2, 4}, {0, 1, 0, 1}, {1, 0.5}};
  const auto rows = reference_rows(model, batch, nullptr);
  expect_error("ASTARPO_BATCH", "reference rows 1 to 3",
               [&] { forward(*model, batch, {.reference = rows, .reference_begin = 1}, nullptr); });
  expect_error("ASTARPO_BATCH", "reference rows", [&] { forward(*model, batch, {.reference = rows, .reference_begin = -1}, nullptr); });
  DecoderConfig other = small_config();
  other.vocab_size = 14;
  const auto wider = random_decoder(other, reproducible_options(), 1);
  expect_error("ASTARPO_BATCH", "vocabulary of 14, got 13", [&] { forward(*wider, batch, {.reference = rows}, nullptr); });
}

// AdamW of Loshchilov & Hutter in doubles.
struct DoubleAdamW {
  Weights value, exp_avg, exp_avg_sq;
  int step = 0;

  double apply(const Weights& gradient, const StepOptions& options) {
    double squares = 0;
    for (const auto& [name, values] : gradient) {
      for (const double g : values) squares += g * g;
    }
    const double norm = std::sqrt(squares), scale = options.clip > 0 ? std::min(1.0, options.clip / norm) : 1;
    ++step;
    for (auto& [name, values] : value) {
      const bool matrix = name.find("norm") == std::string::npos && !name.ends_with(".bias");
      std::vector<double>& m = exp_avg.try_emplace(name, values.size(), 0.0).first->second;
      std::vector<double>& v = exp_avg_sq.try_emplace(name, values.size(), 0.0).first->second;
      for (size_t i = 0; i < values.size(); ++i) {
        const double g = gradient.at(name)[i] * scale;
        m[i] = options.beta1 * m[i] + (1 - options.beta1) * g;
        v[i] = options.beta2 * v[i] + (1 - options.beta2) * g * g;
        if (matrix) values[i] *= 1 - options.lr * options.weight_decay;
        values[i] -= options.lr * (m[i] / (1 - std::pow(options.beta1, step))) /
                     (std::sqrt(v[i] / (1 - std::pow(options.beta2, step))) + options.eps);
      }
    }
    return norm;
  }
};

void set_gradients(Parameters& parameters, uint64_t seed, double size) {
  Numbers numbers(seed);
  parameters.allocate_gradients();
  for (Parameter& parameter : parameters.all) {
    for (int64_t i = 0; i < parameter.grad.numel(); ++i)
      parameter.grad.data_ptr<float>()[i] = static_cast<float>(size * numbers.symmetric());
  }
}

TEST(Optimizer, MatchesAdamWInDoubles) {
  for (const StepOptions& options : {StepOptions{.lr = 0.01, .clip = 0},
                                     StepOptions{.lr = 0.01, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.1, .clip = 1.0}}) {
    DecoderConfig config = small_config();
    config.tied_head = false;
    const auto model = random_decoder(config, {}, 3);
    Parameters& parameters = model->parameters();
    DoubleAdamW expected{weights_of(parameters), {}, {}};
    for (const uint64_t step : {1, 2, 3, 4}) {
      set_gradients(parameters, step, step == 2 ? 0.001 : 0.5);  // once below the clip
      const double norm = expected.apply(weights_of(parameters, TensorGroup::gradient), options);
      const StepResult result = optimizer_step(parameters, options);
      EXPECT_FALSE(result.skipped);
      EXPECT_NEAR(result.grad_norm, norm, 1e-6 * norm);
      EXPECT_FALSE(parameters.has_gradients());
      for (const float g : all_gradients(parameters)) ASSERT_EQ(g, 0.0F);
    }
    EXPECT_EQ(parameters.optimizer_step, 4);
    const Weights value = weights_of(parameters), m = weights_of(parameters, TensorGroup::exp_avg),
                  v = weights_of(parameters, TensorGroup::exp_avg_sq);
    for (const auto& [name, values] : expected.value) {
      expect_near(value.at(name), values, 2e-6);
      expect_near(m.at(name), expected.exp_avg.at(name), 1e-6);
      expect_near(v.at(name), expected.exp_avg_sq.at(name), 1e-6);
    }
  }
}

TEST(Optimizer, SkipsNonFiniteGradients) {
  const auto model = random_decoder(small_config(), {}, 3);
  Parameters& parameters = model->parameters();
  set_gradients(parameters, 1, 0.1);
  optimizer_step(parameters, {.lr = 0.01});
  const Weights value = weights_of(parameters), m = weights_of(parameters, TensorGroup::exp_avg);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    set_gradients(parameters, 2, 0.1);
    parameters.all[3].grad.data_ptr<float>()[0] = bad;
    const StepResult result = optimizer_step(parameters, {.lr = 0.01});
    EXPECT_TRUE(result.skipped);
    EXPECT_FALSE(std::isfinite(result.grad_norm));
    EXPECT_EQ(parameters.optimizer_step, 1);
    EXPECT_FALSE(parameters.has_gradients());
    EXPECT_EQ(weights_of(parameters), value);
    EXPECT_EQ(weights_of(parameters, TensorGroup::exp_avg), m);
    for (const float g : all_gradients(parameters)) ASSERT_EQ(g, 0.0F);
  }
}

// 1e-6 is far below the spacing of bfloat16 numbers near 1: without the fp32 master nothing would ever move.
TEST(Optimizer, TheMasterKeepsWhatBfloat16WouldLose) {
  const auto model = random_decoder(small_config(), {.dtype = c10::kBFloat16}, 3);
  Parameters& parameters = model->parameters();
  const Weights before = weights_of(parameters);
  for (int step = 0; step < 3; ++step) {
    parameters.allocate_gradients();
    for (Parameter& parameter : parameters.all) parameter.grad.fill_(0.001);
    optimizer_step(parameters, {.lr = 1e-6});
  }
  const Weights master = weights_of(parameters, TensorGroup::master), value = weights_of(parameters);
  for (const auto& [name, values] : before) {
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_NEAR(master.at(name)[i], values[i] - 3e-6, 2e-7) << name;
      ASSERT_EQ(value.at(name)[i], static_cast<double>(c10::BFloat16(static_cast<float>(master.at(name)[i]))));
    }
  }
}

// The one that fails if a sign is wrong: raising log-probs of one token must raise them.
TEST(Optimizer, AStepChangesRowValuesAsAsked) {
  const DecoderConfig config = wide_config();
  for (const double sign : {-1.0, 1.0}) {
    const auto model = random_decoder(config, reproducible_options(), 3, 0.05);
    const PackedBatch batch = random_batch(config, {20, 30}, 2);
    double sums[2];
    for (double& sum : sums) {
      const ForwardResult result = forward(*model, batch, {.keep_graph = true}, nullptr);
      sum = 0;
      for (const float logp : result.logp) sum += logp;
      backward(*model, result.pass, {.logp = std::vector<double>(result.logp.size(), sign), .kl = {}, .entropy = {}}, nullptr);
      optimizer_step(model->parameters(), {.lr = 1e-3});
    }
    EXPECT_GT((sums[1] - sums[0]) * -sign, 1.0);  // the loss Σ sign · logp falls
  }
}

}  // namespace
}  // namespace astarpo
