// What adapters compute, forwards and backwards, compared with doubles and with the base model.
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>

#include "native/model/ops_aten.h"
#include "native/random.h"
#include "native/train/optimizer.h"
#include "tests/native/lora_fixtures.h"

namespace astarpo {
namespace {

using namespace testing;

struct Setting {
  ModelOptions options;
  double logp_tolerance, gradient_tolerance;  // absolute; of a tensor's L2 norm
};
const Setting kFloat32{.options = {}, .logp_tolerance = 2e-5, .gradient_tolerance = 1e-4};
const Setting kBFloat16{.options = {.dtype = c10::kBFloat16}, .logp_tolerance = 0.15, .gradient_tolerance = 0.05};

std::vector<float> logps(Decoder& decoder, const PackedBatch& batch) { return forward(decoder, batch, {}, nullptr).logp; }

// Runs a pass and leaves the gradients of Σ g · logp in the model.
std::vector<float> run_pass(Decoder& decoder, const PackedBatch& batch, const std::vector<double>& gradients, uint64_t dropout_seed = 0) {
  const ForwardResult result = forward(decoder, batch, {.keep_graph = true, .dropout_seed = dropout_seed}, nullptr);
  backward(decoder, result.pass, {.logp = gradients, .kl = {}, .entropy = {}}, nullptr);
  return result.logp;
}

double norm(const std::vector<double>& values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

// The gradient of one adapter matrix by central differences of the double decoder, element by element.
std::vector<double> differences(const DecoderConfig& config, Weights& weights, const DoubleAdapters& adapters, const PackedBatch& batch,
                                const std::vector<double>& gradients, const std::string& name) {
  constexpr double kStep = 1e-4;
  std::vector<double> result;
  for (double& value : weights.at(name)) {
    const double before = value;
    value = before + kStep;
    const double above = weighted_logps(config, weights, adapters, batch, gradients);
    value = before - kStep;
    const double below = weighted_logps(config, weights, adapters, batch, gradients);
    value = before;
    result.push_back((above - below) / (2 * kStep));
  }
  return result;
}

void expect_gradients_of_doubles(Decoder& decoder, Weights& weights, const DoubleAdapters& adapters, const PackedBatch& batch,
                                 const std::vector<double>& gradients, double tolerance) {
  Parameters& parameters = decoder.parameters();
  for (const NamedSlice& slice : parameters.slices) {
    if (!slice.adapter) continue;
    const std::vector<double> expected = differences(decoder.config(), weights, adapters, batch, gradients, slice.name);
    const std::vector<float> got = read_tensor(parameters, TensorGroup::gradient, slice.name);
    std::vector<double> error;
    for (size_t i = 0; i < expected.size(); ++i) error.push_back(got[i] - expected[i]);
    EXPECT_GT(norm(expected), 1e-3) << slice.name;
    EXPECT_LE(norm(error), tolerance * norm(expected)) << slice.name;
  }
}

// What an element of a module's input is multiplied by, as the pass's own dropout decides; the arithmetic with it is the test's.
std::map<std::string, DoubleDecoder::Rows> masks_of(const Parameters& parameters, const ops::Dropout& pass, int64_t rows) {
  std::map<std::string, DoubleDecoder::Rows> masks;
  for (const LayerParameters& layer : parameters.layers) {
    for (const Projection* projection : layer.projections()) {
      const int64_t in = parameters.all[static_cast<size_t>(projection->weight)].value.size(1);
      const uint64_t seed = counter_bits(pass.seed, static_cast<uint64_t>(projection->weight));
      const std::vector<float> factors = floats_of(ops::dropout(at::ones({rows, in}), {pass.probability, seed}));
      DoubleDecoder::Rows mask(static_cast<size_t>(rows));
      for (int64_t row = 0; row < rows; ++row) {
        const auto first = factors.begin() + row * in;
        for (auto factor = first; factor < first + in; ++factor)
          mask[static_cast<size_t>(row)].push_back(*factor == 0.0F ? 0.0 : 1 / (1 - pass.probability));
      }
      for (const NamedSlice& slice : parameters.slices) {
        if (slice.parameter == projection->weight) masks[slice.name] = mask;
      }
    }
  }
  return masks;
}

TEST(Lora, ValuesAndEveryGradientMatchDoubles) {
  DecoderConfig everything = small_config();  // what other families have: norms of heads, windows, more biases, a head of its own
  everything.qk_norm = everything.o_bias = everything.mlp_bias = true;
  everything.windows = {3, 0};
  everything.tied_head = false;
  for (const DecoderConfig& config : {small_config(), everything}) {
    for (const Setting& setting : {kFloat32, kBFloat16}) {
      ModelOptions options = setting.options;
      options.reproducible = config.qk_norm;
      const std::vector<AdapterModule> modules = adapter_modules({0, 1}, kModules);
      const auto decoder = decoder_with_adapters(config, options, modules);
      Weights weights = weights_of(decoder->parameters());
      const DoubleAdapters adapters(modules, weights);
      const PackedBatch batch = random_batch(config, {7, 4}, 5);
      const std::vector<double> gradients = random_row_gradients(batch.rows(), 6);

      DoubleDecoder expected(config, weights);
      expected.after_linear = adapters;
      expect_near(run_pass(*decoder, batch, gradients), row_values(expected, expected, batch).logp, setting.logp_tolerance);
      expect_gradients_of_doubles(*decoder, weights, adapters, batch, gradients, setting.gradient_tolerance);
    }
  }
}

// 127 choices of modules, in layer 1 only, in layer 0 only and in both: each analytic gradient along one random direction.
TEST(Lora, EverySubsetOfModulesHasTheRightGradient) {
  const Threads one(1);  // faster for matrices this small
  const DecoderConfig config = small_config();
  const PackedBatch batch = random_batch(config, {6, 3}, 5);
  const std::vector<double> gradients = random_row_gradients(batch.rows(), 6);
  const std::vector<std::vector<int64_t>> layers = {{1}, {0}, {0, 1}};
  for (unsigned subset = 1; subset < 1U << kModules.size(); ++subset) {
    std::vector<std::string> chosen;
    for (size_t module = 0; module < kModules.size(); ++module) {
      if (subset >> module & 1U) chosen.push_back(kModules[module]);
    }
    const std::vector<AdapterModule> modules = adapter_modules(layers[subset % layers.size()], chosen);
    const auto decoder = decoder_with_adapters(config, {}, modules);
    Parameters& parameters = decoder->parameters();
    Weights weights = weights_of(parameters);
    const DoubleAdapters adapters(modules, weights);
    run_pass(*decoder, batch, gradients);

    Numbers numbers(subset);
    for (const NamedSlice& slice : parameters.slices) {
      if (!slice.adapter) continue;
      const std::vector<float> gradient = read_tensor(parameters, TensorGroup::gradient, slice.name);
      std::vector<double>& values = weights.at(slice.name);
      const std::vector<double> before = values;
      constexpr double kStep = 1e-4;
      double along = 0;
      std::vector<double> direction;
      for (const float g : gradient) direction.push_back(numbers.symmetric()), along += g * direction.back();
      const auto moved = [&](double step) {
        for (size_t i = 0; i < values.size(); ++i) values[i] = before[i] + step * direction[i];
        return weighted_logps(config, weights, adapters, batch, gradients);
      };
      const double expected = (moved(kStep) - moved(-kStep)) / (2 * kStep);
      values = before;
      ASSERT_NEAR(along, expected, 1e-4 * (1 + std::abs(expected))) << slice.name << " of subset " << subset;
    }
  }
}

TEST(Lora, WideRowsMatchDoubles) {
  for (const Setting& setting : {kFloat32, kBFloat16}) {
    const DecoderConfig config = wide_config();
    std::vector<AdapterModule> modules = adapter_modules({0, 2}, kModules);
    for (AdapterModule& module : modules) module.rank += 15;
    const auto decoder = decoder_with_adapters(config, setting.options, modules, 0, 3, 0.05);
    fill_adapters(decoder->parameters(), 9, 0.05);
    const Weights weights = weights_of(decoder->parameters());
    const DoubleAdapters adapters(modules, weights);
    DoubleDecoder expected(config, weights);
    expected.after_linear = adapters;
    const PackedBatch batch = random_batch(config, {61, 1, 30}, 5);
    expect_near(logps(*decoder, batch), row_values(expected, expected, batch).logp, setting.logp_tolerance);
  }
}

TEST(Lora, WithBAtZeroNothingChanges) {
  for (const c10::ScalarType dtype : {c10::kFloat, c10::kBFloat16}) {
    for (const bool reproducible : {false, true}) {
      const DecoderConfig config = wide_config();
      const auto decoder = random_decoder(config, {.dtype = dtype, .reproducible = reproducible}, 3);
      const PackedBatch batch = random_batch(config, {20, 30}, 2);
      const std::vector<float> before = logps(*decoder, batch);
      decoder->parameters().add_adapter(adapter_modules({0, 1, 2}, kModules), {.seed = 7});
      expect_same_bits(logps(*decoder, batch), before);
      fill_adapters(decoder->parameters(), 4);
      EXPECT_NE(logps(*decoder, batch), before);
    }
  }
}

TEST(Lora, DropoutHasTheRightGradient) {
  const DecoderConfig config = small_config();
  const std::vector<AdapterModule> modules = adapter_modules({0, 1}, kModules);
  const auto decoder = decoder_with_adapters(config, {}, modules, 0.3);
  Weights weights = weights_of(decoder->parameters());
  // One sequence that is scored whole: row t of every projection is its token t.
  Numbers numbers(4);
  const PackedBatch batch{random_tokens(numbers, 7, config.vocab_size), {0, 7}, {0, 1, 1, 1, 1, 1, 1}, {0.9F}};
  const std::vector<double> gradients = random_row_gradients(6, 6);
  DoubleAdapters adapters(modules, weights);
  adapters.masks = masks_of(decoder->parameters(), {.probability = 0.3, .seed = 11}, 6);
  DoubleDecoder expected(config, weights);
  expected.after_linear = adapters;
  expect_near(run_pass(*decoder, batch, gradients, 11), row_values(expected, expected, batch).logp, 2e-5);
  expect_gradients_of_doubles(*decoder, weights, adapters, batch, gradients, 1e-4);
}

TEST(Lora, DropoutIsSeededAndOnlyInPassesThatKeepTheirGraph) {
  const DecoderConfig config = wide_config();
  const std::vector<AdapterModule> modules = adapter_modules({0, 1, 2}, kModules);
  const auto without = decoder_with_adapters(config, {}, modules), with = decoder_with_adapters(config, {}, modules, 0.2);
  const PackedBatch batch = random_batch(config, {20, 30}, 2);
  const std::vector<float> plain = logps(*without, batch);
  expect_same_bits(logps(*with, batch), plain);
  const auto pass = [&](uint64_t seed) { return forward(*with, batch, {.keep_graph = true, .dropout_seed = seed}, nullptr).logp; };
  const std::vector<float> first = pass(1);
  expect_same_bits(pass(1), first);
  EXPECT_NE(first, plain);
  EXPECT_NE(pass(2), first);
  expect_error("ASTARPO_ARGUMENT", "dropout seed", [&] { forward(*with, batch, {.keep_graph = true}, nullptr); });
  expect_same_bits(forward(*without, batch, {.keep_graph = true}, nullptr).logp, plain);
}

TEST(Dropout, KeepsTheExpectationOfEveryElement) {
  const int64_t rows = 3, columns = 5, seeds = 20000;
  const at::Tensor x = at::full({rows, columns}, 2.0);
  for (const double probability : {0.1, 0.5, 0.9}) {
    std::vector<double> sums(static_cast<size_t>(rows * columns));
    for (int64_t seed = 0; seed < seeds; ++seed) {
      const std::vector<float> values = floats_of(ops::dropout(x, {probability, static_cast<uint64_t>(seed)}));
      for (size_t i = 0; i < values.size(); ++i) {
        ASSERT_TRUE(values[i] == 0.0F || std::abs(values[i] - 2 / (1 - probability)) < 1e-5) << values[i];
        sums[i] += values[i];
      }
    }
    const double deviation = 2 * std::sqrt(probability / (1 - probability) / static_cast<double>(seeds));
    for (const double sum : sums) EXPECT_NEAR(sum / static_cast<double>(seeds), 2.0, 5 * deviation);
  }
}

TEST(Dropout, OtherDevicesLeaveOutTheSameElements) {
  Numbers numbers(8);
  for (const c10::ScalarType dtype : {c10::kFloat, c10::kBFloat16}) {
    const at::Tensor x = at::full({37, 131}, 1.5, dtype);
    for (const double probability : {0.0, 1e-9, 0.05, 0.5, 0.999}) {
      const ops::Dropout options{probability, uint64_t{numbers.next()} << 33};
      expect_same_bits(floats_of(ops::aten::dropout(x, options)), floats_of(ops::dropout(x, options)));
    }
  }
}

// More rows than the other devices' form makes masks of at once.
TEST(Dropout, IsTheSameInPieces) {
  const at::Tensor x = at::ones({1100, 4096});
  const ops::Dropout options{0.5, 3};
  EXPECT_TRUE(ops::aten::dropout(x, options).equal(ops::dropout(x, options)));
}

TEST(Dropout, DoesNotDependOnThreadsOrOtherRows) {
  const at::Tensor x = at::ones({400, 33});
  const ops::Dropout options{0.4, 99};
  const auto with_threads = [&](int count) {
    const Threads threads(count);
    return floats_of(ops::dropout(x, options));
  };
  const std::vector<float> one = with_threads(1);
  expect_same_bits(one, with_threads(2));
  expect_same_bits(floats_of(ops::dropout(x.narrow(0, 0, 7), options)), {one.begin(), one.begin() + 7 * 33});
}

TEST(Lora, ReproducibleModeScoresASequenceAloneAsInABatch) {
  for (const c10::ScalarType dtype : {c10::kFloat, c10::kBFloat16}) {
    const DecoderConfig config = wide_config();
    const auto decoder = decoder_with_adapters(config, {.dtype = dtype, .reproducible = true}, adapter_modules({0, 1, 2}, kModules));
    Numbers numbers(3);
    const std::vector<int32_t> tokens = random_tokens(numbers, 40, config.vocab_size),
                               other = random_tokens(numbers, 90, config.vocab_size);
    const auto hidden = [&](const RowBatch& batch) { return decoder->forward(batch, nullptr, nullptr).to(c10::kFloat); };
    const at::Tensor alone = hidden({tokens, {{0, 40, nullptr}}, std::nullopt});
    RowBatch both{other, {{0, 90, nullptr}, {90, 40, nullptr}}, std::nullopt};
    both.tokens.insert(both.tokens.end(), tokens.begin(), tokens.end());
    expect_same_bits(floats_of(hidden(both).narrow(0, 90, 40)), floats_of(alone));
    // Token by token behind a cache, as generation does it.
    KvCache cache;
    for (int64_t t = 0; t < 40; ++t) {
      const at::Tensor row = hidden({{tokens[static_cast<size_t>(t)]}, {{0, 1, &cache}}, std::nullopt});
      expect_same_bits(floats_of(row), floats_of(alone.narrow(0, t, 1)));
    }
  }
}

TEST(Lora, ReproducibleGradientsDoNotDependOnThreads) {
  const DecoderConfig config = wide_config();
  const PackedBatch batch = random_batch(config, {60, 30}, 2);
  const std::vector<double> gradients = random_row_gradients(batch.rows(), 3);
  std::vector<Weights> results;
  for (const int count : {1, 2}) {
    const Threads threads(count);
    const auto decoder = decoder_with_adapters(config, reproducible_options(), adapter_modules({1, 2}, kModules), 0.1);
    run_pass(*decoder, batch, gradients, 5);
    Weights& result = results.emplace_back();
    for (const NamedSlice& slice : decoder->parameters().slices) {
      if (!slice.adapter) continue;
      const std::vector<float> values = read_tensor(decoder->parameters(), TensorGroup::gradient, slice.name);
      result[slice.name].assign(values.begin(), values.end());
    }
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST(Lora, TrainingTouchesAdaptersAlone) {
  for (const c10::ScalarType dtype : {c10::kFloat, c10::kBFloat16}) {
    const DecoderConfig config = small_config();
    const auto decoder = decoder_with_adapters(config, {.dtype = dtype}, adapter_modules({1}, kModules));
    Parameters& parameters = decoder->parameters();
    const Weights before = weights_of(parameters);
    const PackedBatch batch = random_batch(config, {9, 8}, 2);
    for (int step = 0; step < 2; ++step) {
      run_pass(*decoder, batch, random_row_gradients(batch.rows(), 3));
      const StepResult result = optimizer_step(parameters, {.lr = 0.01, .weight_decay = 0.1});
      EXPECT_GT(result.grad_norm, 0);
    }
    const Weights after = weights_of(parameters);
    for (const NamedSlice& slice : parameters.slices) {
      const Parameter& parameter = parameters.all[static_cast<size_t>(slice.parameter)];
      EXPECT_EQ(parameter.trainable, slice.adapter);
      EXPECT_EQ(parameter.grad.defined(), slice.adapter) << slice.name;
      EXPECT_EQ(parameter.exp_avg.defined(), slice.adapter) << slice.name;
      EXPECT_FALSE(parameter.master.defined()) << slice.name;  // adapters are fp32 themselves
      EXPECT_EQ(before.at(slice.name) == after.at(slice.name), !slice.adapter) << slice.name;
    }
    EXPECT_EQ(parameters.first_trainable_layer, 1);
  }
}

// The one that fails if a sign is wrong: raising log-probs of one token must raise them.
TEST(Lora, AStepChangesRowValuesAsAsked) {
  const DecoderConfig config = wide_config();
  for (const double sign : {-1.0, 1.0}) {
    const auto decoder = random_decoder(config, {}, 3, 0.05);
    decoder->parameters().add_adapter(adapter_modules({0, 1, 2}, kModules), {.seed = 1});
    const PackedBatch batch = random_batch(config, {20, 30}, 2);
    double sums[3];
    for (double& sum : sums) {
      sum = 0;
      for (const float logp : run_pass(*decoder, batch, std::vector<double>(static_cast<size_t>(batch.rows()), sign))) sum += logp;
      optimizer_step(decoder->parameters(), {.lr = 5e-3});
    }
    EXPECT_GT((sums[2] - sums[0]) * -sign, 1.0);
  }
}

}  // namespace
}  // namespace astarpo
