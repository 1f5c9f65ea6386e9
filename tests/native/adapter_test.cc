// Adapters as parts of a model: names, initial values, refusals, copies that share the base, merging, files.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "native/train/optimizer.h"
#include "tests/native/lora_fixtures.h"

namespace astarpo {
namespace {

using namespace testing;

const std::string kQ = "model.layers.0.self_attn.q_proj";

std::vector<float> logps(Decoder& decoder, const PackedBatch& batch) { return forward(decoder, batch, {}, nullptr).logp; }

at::Tensor value(const Parameters& parameters, const std::string& name) {
  return parameters.all[static_cast<size_t>(parameters.slice(name).parameter)].value;
}

class TemporaryFile {
 public:
  explicit TemporaryFile(int64_t bytes) {
    path_ = std::filesystem::temp_directory_path() / ("astarpo-adapter-" + std::to_string(getpid()));
    std::ofstream(path_).put('\0');
    std::filesystem::resize_file(path_, static_cast<uintmax_t>(bytes));
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(Adapter, NamesShapesAndOrderAreThoseOfPeft) {
  Parameters parameters(small_config(), {.dtype = c10::kBFloat16});
  const size_t base = parameters.slices.size();
  // Asked for in any order; they come in the model's.
  parameters.add_adapter({{"model.layers.1.mlp.down_proj", 3, 1.0}, {"model.layers.0.self_attn.v_proj", 2, 0.5}, {kQ, 4, 2.0}},
                         {.seed = 1});
  const std::vector<std::pair<std::string, std::vector<int64_t>>> expected = {
      {kQ + ".lora_A.weight", {4, 10}},
      {kQ + ".lora_B.weight", {16, 4}},
      {"model.layers.0.self_attn.v_proj.lora_A.weight", {2, 10}},
      {"model.layers.0.self_attn.v_proj.lora_B.weight", {8, 2}},
      {"model.layers.1.mlp.down_proj.lora_A.weight", {3, 14}},
      {"model.layers.1.mlp.down_proj.lora_B.weight", {10, 3}},
  };
  ASSERT_EQ(parameters.slices.size(), base + expected.size());
  for (size_t i = 0; i < parameters.slices.size(); ++i) {
    const NamedSlice& slice = parameters.slices[i];
    EXPECT_EQ(slice.adapter, i >= base);
    EXPECT_EQ(parameters.all[static_cast<size_t>(slice.parameter)].trainable, i >= base);
    if (i < base) continue;
    EXPECT_EQ(slice.name, expected[i - base].first);
    EXPECT_EQ(slice.shape, expected[i - base].second);
    EXPECT_EQ(parameters.view(slice, TensorGroup::weights).scalar_type(), c10::kFloat);
  }
}

TEST(Adapter, InitialValuesDependOnSeedAndNameAlone) {
  const DecoderConfig config = wide_config();
  Parameters one(config, {}), other(config, {}), wider(config, {.dtype = c10::kBFloat16});
  const std::vector<AdapterModule> modules = {{kQ, 64, 1.0}};
  one.add_adapter(modules, {.seed = 7});
  other.add_adapter(modules, {.seed = 8});
  std::vector<AdapterModule> all = adapter_modules({0, 1, 2}, kModules);
  all[0].rank = 64;
  wider.add_adapter(all, {.seed = 7});
  const std::string a = kQ + ".lora_A.weight";
  const std::vector<float> values = read_tensor(one, TensorGroup::weights, a);
  expect_same_bits(read_tensor(wider, TensorGroup::weights, a), values);
  EXPECT_NE(read_tensor(other, TensorGroup::weights, a), values);

  const double bound = 1 / std::sqrt(static_cast<double>(config.hidden_size));
  double sum = 0, squares = 0;
  for (const double x : values) {
    ASSERT_LE(std::abs(x), bound);
    sum += x, squares += x * x;
  }
  const auto count = static_cast<double>(values.size());
  EXPECT_NEAR(sum / count, 0, 4 * bound / std::sqrt(3 * count));
  EXPECT_NEAR(squares / count, bound * bound / 3, 0.05 * bound * bound);  // variance of a uniform distribution
  for (const float x : read_tensor(one, TensorGroup::weights, kQ + ".lora_B.weight")) ASSERT_EQ(x, 0.0F);
}

TEST(Adapter, SaysWhatIsWrong) {
  Parameters parameters(small_config(), {});
  const auto refuse = [&](const char* code, const char* words, const std::vector<AdapterModule>& modules, double dropout = 0) {
    const size_t tensors = parameters.slices.size();
    expect_error(code, words, [&] { parameters.add_adapter(modules, {.seed = 1, .dropout = dropout}); });
    EXPECT_EQ(parameters.slices.size(), tensors);
    EXPECT_TRUE(parameters.all[0].trainable);
  };
  refuse("ASTARPO_ARGUMENT", "at least one module", {});
  refuse("ASTARPO_ARGUMENT", "rank of at least 1", {{kQ, 0, 1.0}});
  refuse("ASTARPO_ARGUMENT", "finite scale", {{kQ, 1, std::numeric_limits<double>::infinity()}});
  refuse("ASTARPO_ARGUMENT", "twice", {{kQ, 1, 1.0}, {kQ, 2, 1.0}});
  refuse("ASTARPO_ARGUMENT", "dropout", {{kQ, 1, 1.0}}, 1.0);
  for (const char* unknown : {"model.layers.2.self_attn.q_proj", "q_proj", "", "lm_head", "model.embed_tokens", "model.norm",
                              "model.layers.0.input_layernorm", "model.layers.0.self_attn.q_proj.weight"}) {
    refuse("ASTARPO_TENSOR_UNKNOWN", unknown, {{kQ, 1, 1.0}, {unknown, 1, 1.0}});
  }
  parameters.allocate_gradients();
  refuse("ASTARPO_ADAPTER", "without gradients", {{kQ, 1, 1.0}});
  optimizer_step(parameters, {.lr = 0.1});
  refuse("ASTARPO_ADAPTER", "after 1 steps", {{kQ, 1, 1.0}});

  Parameters fresh(small_config(), {});
  fresh.add_adapter({{kQ, 1, 1.0}}, {.seed = 1});
  expect_error("ASTARPO_ADAPTER", "without adapter", [&] { fresh.add_adapter({{kQ, 1, 1.0}}, {.seed = 1}); });
  expect_error("ASTARPO_ADAPTER", "without adapter", [&] { fresh.initialize(1, 0.1); });
  for (const TensorGroup group : {TensorGroup::master, TensorGroup::exp_avg, TensorGroup::exp_avg_sq, TensorGroup::gradient})
    expect_error("ASTARPO_ARGUMENT", "frozen", [&] { read_tensor(fresh, group, kQ + ".weight"); });
}

// Gradients that were accumulated and discarded leave memory behind, which must not be trained with later.
TEST(Adapter, DiscardedGradientsOfTheBaseAreGone) {
  Parameters parameters(small_config(), {.dtype = c10::kBFloat16});
  parameters.allocate_gradients();
  parameters.clear_gradients();
  parameters.view(parameters.slice(kQ + ".weight"), TensorGroup::master);
  parameters.add_adapter({{kQ, 1, 1.0}}, {.seed = 1});
  for (const Parameter& parameter : parameters.all) {
    EXPECT_FALSE(parameter.grad.defined());
    EXPECT_FALSE(parameter.master.defined());
  }
}

TEST(Adapter, ACopyWithTheAdapterOffIsTheBaseModel) {
  for (const c10::ScalarType dtype : {c10::kFloat, c10::kBFloat16}) {
    const DecoderConfig config = wide_config();
    const auto decoder = random_decoder(config, {.dtype = dtype}, 3);
    const PackedBatch batch = random_batch(config, {20, 30}, 2);
    const std::vector<float> base = logps(*decoder, batch);
    Parameters& parameters = decoder->parameters();
    parameters.add_adapter(adapter_modules({0, 1, 2}, kModules), {.seed = 5, .dropout = 0.5});
    fill_adapters(parameters, 4);
    const std::vector<float> adapted = logps(*decoder, batch);
    const auto off = decoder->frozen_copy(AdapterCopy::off), copy = decoder->frozen_copy(AdapterCopy::copy);
    EXPECT_FALSE(off->parameters().has_adapter());
    EXPECT_EQ(off->parameters().adapter_dropout, 0);
    for (const Parameter& parameter : off->parameters().all) EXPECT_FALSE(parameter.trainable);
    fill_adapters(parameters, 6);
    expect_same_bits(logps(*off, batch), base);
    expect_same_bits(logps(*copy, batch), adapted);  // its adapters are its own
    EXPECT_NE(logps(*decoder, batch), adapted);
    for (const NamedSlice& slice : parameters.slices) {
      const bool shared = value(parameters, slice.name).is_same(value(copy->parameters(), slice.name));
      EXPECT_EQ(shared, !slice.adapter) << slice.name;
    }
    // A copy of a copy shares everything, and outlives both.
    const auto again = decoder->frozen_copy(AdapterCopy::copy)->frozen_copy(AdapterCopy::off);
    expect_same_bits(logps(*again, batch), base);
  }
}

TEST(Adapter, SharedMemoryCountsOnce) {
  const auto decoder = random_decoder(small_config(), {.dtype = c10::kBFloat16}, 3);
  Parameters& parameters = decoder->parameters();
  const int64_t base = parameters.bytes();
  parameters.add_adapter({{kQ, 2, 1.0}}, {.seed = 1});
  const int64_t adapter = 4 * (2 * 10 + 16 * 2);
  EXPECT_EQ(parameters.bytes(), base + adapter);
  {
    const auto off = decoder->frozen_copy(AdapterCopy::off), copy = decoder->frozen_copy();
    EXPECT_EQ(off->parameters().bytes(), 0);
    EXPECT_EQ(copy->parameters().bytes(), adapter);
    const auto& embedding = copy->parameters().slice("model.embed_tokens.weight");
    copy->parameters().writable(embedding);
    EXPECT_EQ(copy->parameters().bytes(), adapter + 2 * embedding.numel());
    EXPECT_EQ(parameters.bytes(), base + adapter);
  }
  parameters.merge_adapter();
  EXPECT_EQ(parameters.bytes(), base + adapter + 2 * (16 + 8 + 8) * 10);
  parameters.unmerge_adapter();
  // Whoever is left counts it.
  std::shared_ptr<Decoder> owner = random_decoder(small_config(), {}, 3);
  owner->parameters().add_adapter({{kQ, 2, 1.0}}, {.seed = 1});
  const auto heir = owner->frozen_copy(AdapterCopy::off);
  owner.reset();
  EXPECT_EQ(heir->parameters().bytes(), 2 * base);
}

TEST(Adapter, ACopyOfATrainedModelSharesNothing) {
  const auto decoder = random_decoder(small_config(), {}, 3);
  const auto copy = decoder->frozen_copy();
  for (const NamedSlice& slice : decoder->parameters().slices)
    EXPECT_FALSE(value(decoder->parameters(), slice.name).is_same(value(copy->parameters(), slice.name)));
}

TEST(Adapter, LoadingASharedBaseChangesOneModelOnly) {
  const DecoderConfig config = small_config();
  const PackedBatch batch = random_batch(config, {9, 8}, 2);
  const auto decoder = decoder_with_adapters(config, {}, adapter_modules({0, 1}, kModules));
  const auto copy = decoder->frozen_copy(), off = decoder->frozen_copy(AdapterCopy::off);
  const std::vector<float> before = logps(*decoder, batch), base = logps(*off, batch);
  const std::string k = "model.layers.0.self_attn.k_proj.weight";  // a part of a fused matrix: the rest must stay
  const int64_t bytes = 8 * 10 * 4;
  const TemporaryFile file(bytes);
  const std::vector<TensorRange> ranges = {{k, StoredKind::f32, 0, bytes}};
  const std::vector<float> q = read_tensor(copy->parameters(), TensorGroup::weights, kQ + ".weight");

  load_tensors(copy->parameters(), TensorGroup::weights, file.path(), ranges, nullptr);
  expect_same_bits(logps(*decoder, batch), before);
  expect_same_bits(logps(*off, batch), base);
  EXPECT_NE(logps(*copy, batch), before);
  expect_same_bits(read_tensor(copy->parameters(), TensorGroup::weights, kQ + ".weight"), q);

  load_tensors(decoder->parameters(), TensorGroup::weights, file.path(), ranges, nullptr);
  expect_same_bits(logps(*off, batch), base);
  expect_same_bits(logps(*decoder, batch), logps(*copy, batch));
  // Nobody shares it any more: loading again writes in place.
  const void* const memory = value(decoder->parameters(), k).data_ptr();
  load_tensors(decoder->parameters(), TensorGroup::weights, file.path(), ranges, nullptr);
  EXPECT_EQ(value(decoder->parameters(), k).data_ptr(), memory);
}

class MergedModel : public ::testing::TestWithParam<c10::ScalarType> {
 protected:
  const DecoderConfig config_ = wide_config();
  const PackedBatch batch_ = random_batch(config_, {20, 30}, 2);
  const std::vector<AdapterModule> modules_ = [] {
    std::vector<AdapterModule> modules = adapter_modules({0, 2}, kModules);
    modules.erase(modules.begin() + 1);  // k_proj of layer 0: a fused matrix with a part that has no adapter
    return modules;
  }();
  const std::shared_ptr<Decoder> decoder_ = [&] {
    auto decoder = decoder_with_adapters(config_, {.dtype = GetParam()}, modules_, 0, 3, 0.05);
    fill_adapters(decoder->parameters(), 9, 0.1);
    return decoder;
  }();
  Parameters& parameters_ = decoder_->parameters();
};

TEST_P(MergedModel, AgreesWithTheUnmergedOneAndComesBackBitForBit) {
  const Weights weights = weights_of(parameters_);
  const std::vector<float> before = logps(*decoder_, batch_), base = logps(*decoder_->frozen_copy(AdapterCopy::off), batch_);
  parameters_.merge_adapter();
  const std::vector<float> merged = logps(*decoder_, batch_);
  expect_near(merged, before, GetParam() == c10::kFloat ? 2e-5 : 0.1);
  EXPECT_NE(merged, base);
  EXPECT_EQ(weights_of(parameters_), weights);
  expect_same_bits(logps(*decoder_->frozen_copy(AdapterCopy::off), batch_), base);
  const auto copy = decoder_->frozen_copy();
  expect_same_bits(logps(*copy, batch_), merged);

  const auto refused = [&](auto call) { expect_error("ASTARPO_ADAPTER", "merge", call); };
  refused([&] { parameters_.merge_adapter(); });
  refused([&] { forward(*decoder_, batch_, {.keep_graph = true}, nullptr); });
  refused([&] { optimizer_step(parameters_, {.lr = 0.1}); });
  refused([&] { load_tensors(parameters_, TensorGroup::weights, "/nowhere", {}, nullptr); });

  parameters_.unmerge_adapter();
  expect_same_bits(logps(*decoder_, batch_), before);
  expect_same_bits(logps(*copy, batch_), merged);
  expect_error("ASTARPO_ADAPTER", "not", [&] { parameters_.unmerge_adapter(); });
  Parameters plain(config_, {});
  expect_error("ASTARPO_ADAPTER", "without", [&] { plain.merge_adapter(); });
}

TEST_P(MergedModel, TheGroupMergedIsBasePlusProduct) {
  const Weights weights = weights_of(parameters_), merged = weights_of(parameters_, TensorGroup::merged);
  std::map<std::string, AdapterModule> settings;
  for (const AdapterModule& module : modules_) settings.emplace(module.module + ".weight", module);
  for (const NamedSlice& slice : parameters_.slices) {
    std::vector<double> expected = weights.at(slice.name);
    if (const auto found = settings.find(slice.name); found != settings.end()) {
      const AdapterModule& module = found->second;
      const std::vector<double>&a = weights.at(module.module + ".lora_A.weight"), &b = weights.at(module.module + ".lora_B.weight");
      const auto in = static_cast<size_t>(slice.shape[1]), rank = static_cast<size_t>(module.rank);
      for (size_t i = 0; i < expected.size(); ++i) {
        for (size_t r = 0; r < rank; ++r) expected[i] += module.scale * b[i / in * rank + r] * a[r * in + i % in];
      }
      EXPECT_NE(merged.at(slice.name), weights.at(slice.name)) << slice.name;
    }
    expect_near(merged.at(slice.name), expected, 1e-6);
  }
}

// Saved in the model's dtype, the group is what merging computes: a plain model that loads it gives the same log-probs, bit for bit.
TEST_P(MergedModel, SavedAndLoadedItIsTheMergedModel) {
  const StoredKind kind = GetParam() == c10::kFloat ? StoredKind::f32 : StoredKind::bf16;
  const int64_t size = kind == StoredKind::f32 ? 4 : 2;
  std::vector<TensorRange> ranges;
  int64_t offset = 0;
  for (const NamedSlice& slice : parameters_.slices) {
    if (slice.adapter) continue;
    const int64_t bytes = slice.numel() * size;
    ranges.push_back({slice.name, kind, offset, bytes});
    offset += bytes;
  }
  const TemporaryFile file(offset);
  save_tensors(parameters_, TensorGroup::merged, file.path(), ranges, nullptr);
  expect_error("ASTARPO_ARGUMENT", "merged", [&] { load_tensors(parameters_, TensorGroup::merged, file.path(), ranges, nullptr); });
  Decoder plain(config_, {.dtype = GetParam()});
  load_tensors(plain.parameters(), TensorGroup::weights, file.path(), ranges, nullptr);
  parameters_.merge_adapter();
  expect_same_bits(logps(plain, batch_), logps(*decoder_, batch_));
}

INSTANTIATE_TEST_SUITE_P(Adapter, MergedModel, ::testing::Values(c10::kFloat, c10::kBFloat16));

// More than one piece per tensor, cut in the middle of rows.
TEST(Adapter, SavesTheMergedGroupInPieces) {
  DecoderConfig config = small_config();
  config.layers = 1, config.hidden_size = 1500, config.intermediate_size = 4000;
  const auto decoder = random_decoder(config, {.dtype = c10::kBFloat16}, 3, 0.02);
  Parameters& parameters = decoder->parameters();
  const std::string module = "model.layers.0.mlp.up_proj";
  parameters.add_adapter({{module, 2, 0.5}}, {.seed = 1});
  fill_adapters(parameters, 2);
  const int64_t bytes = int64_t{4} * 4000 * 1500;
  ASSERT_GT(bytes, kIoPieceBytes);
  const TemporaryFile file(bytes);
  save_tensors(parameters, TensorGroup::merged, file.path(), {{module + ".weight", StoredKind::f32, 0, bytes}}, nullptr);
  std::vector<float> saved(static_cast<size_t>(bytes / 4));
  std::ifstream(file.path(), std::ios::binary).read(reinterpret_cast<char*>(saved.data()), bytes);
  expect_same_bits(saved, read_tensor(parameters, TensorGroup::merged, module + ".weight"));
}

}  // namespace
}  // namespace astarpo
