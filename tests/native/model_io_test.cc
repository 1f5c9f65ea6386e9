#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "tests/native/model_fixtures.h"
#include "native/model/tensor_io.h"

namespace astarpo {
namespace {

using namespace testing;

class TensorIo : public ::testing::Test {
 protected:
  TensorIo() {
    std::string pattern = (std::filesystem::temp_directory_path() / "astarpo-io-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~TensorIo() override { std::filesystem::remove_all(folder_); }

  std::string file(int64_t bytes) const {
    const std::string path = (folder_ / "tensors.bin").string();
    std::ofstream(path, std::ios::binary | std::ios::trunc).close();
    std::filesystem::resize_file(path, static_cast<uintmax_t>(bytes));
    return path;
  }

  // Every tensor of the model behind `first` bytes of something else.
  static std::vector<TensorRange> ranges(const Parameters& parameters, StoredKind kind, int64_t first = 123) {
    std::vector<TensorRange> all;
    for (const NamedSlice& slice : parameters.slices) {
      int64_t bytes = kind == StoredKind::f32 ? 4 : 2;
      for (const int64_t size : slice.shape) bytes *= size;
      all.push_back({slice.name, kind, first, bytes});
      first += bytes;
    }
    return all;
  }
  static int64_t end_of(const std::vector<TensorRange>& all) { return all.back().offset + all.back().length; }

  std::filesystem::path folder_;
};

TEST_F(TensorIo, RoundTripsEveryGroupInEveryType) {
  for (const c10::ScalarType dtype : {c10::kFloat, c10::kBFloat16}) {
    for (const StoredKind kind : {StoredKind::f32, StoredKind::bf16, StoredKind::f16}) {
      const auto source = random_decoder(small_config(), {.dtype = dtype}, 3), target = random_decoder(small_config(), {.dtype = dtype}, 4);
      for (const TensorGroup group :
           {TensorGroup::weights, TensorGroup::master, TensorGroup::exp_avg, TensorGroup::exp_avg_sq, TensorGroup::gradient}) {
        for (const NamedSlice& slice : source->parameters().slices) source->parameters().view(slice, group).add_(0.125);
        const std::vector<TensorRange> all = ranges(source->parameters(), kind);
        const std::string path = file(end_of(all));
        save_tensors(source->parameters(), group, path, all, nullptr);
        EXPECT_EQ(static_cast<int64_t>(std::filesystem::file_size(path)), end_of(all));
        load_tensors(target->parameters(), group, path, all, nullptr);
        const c10::ScalarType stored = kind == StoredKind::f32 ? c10::kFloat : kind == StoredKind::bf16 ? c10::kBFloat16 : c10::kHalf;
        for (const NamedSlice& slice : source->parameters().slices) {
          const at::Tensor original = source->parameters().view(slice, group);
          expect_same_bits(read_tensor(target->parameters(), group, slice.name), floats_of(original.to(stored).to(original.scalar_type())));
        }
      }
    }
  }
}

TEST_F(TensorIo, ReadsBytesAsTheyLie) {
  Parameters parameters(small_config(), {});
  const std::string path = file(0);
  // 10 numbers of model.norm.weight behind 5 bytes; bfloat16 is the upper half of a float.
  const float numbers[10] = {0.0F, -0.0F, 1.5F, -2.0F, 1e30F, std::numeric_limits<float>::max(), 1e-45F, 3.0F, 256.0F, -0.5F};
  std::string bytes = "12345", halves = "12345";
  for (const float number : numbers) {
    char raw[4];
    std::memcpy(raw, &number, 4);
    bytes.append(raw, 4);
    halves.append(raw + 2, 2);
  }
  std::ofstream(path, std::ios::binary) << bytes;
  load_tensors(parameters, TensorGroup::weights, path, {{"model.norm.weight", StoredKind::f32, 5, 40}}, nullptr);
  expect_same_bits(read_tensor(parameters, TensorGroup::weights, "model.norm.weight"), {std::begin(numbers), std::end(numbers)});
  std::ofstream(path, std::ios::binary) << halves;
  load_tensors(parameters, TensorGroup::weights, path, {{"model.norm.weight", StoredKind::bf16, 5, 20}}, nullptr);
  const std::vector<float> got = read_tensor(parameters, TensorGroup::weights, "model.norm.weight");
  for (const size_t i : {0, 1, 2, 3, 7, 8, 9}) EXPECT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(numbers[i]));
  EXPECT_NEAR(got[4], 1e30F, 8e27F);
}

TEST_F(TensorIo, ReadsSomeElementsOfATensor) {
  Parameters parameters(small_config(), {});
  parameters.initialize(3, 0.5);
  const std::string name = "model.layers.1.mlp.up_proj.weight";
  const std::vector<float> all = read_tensor(parameters, TensorGroup::weights, name);
  const auto size = static_cast<int64_t>(all.size());
  expect_same_bits(read_tensor(parameters, TensorGroup::weights, name, 7, 30), {all.begin() + 7, all.begin() + 37});
  expect_same_bits(read_tensor(parameters, TensorGroup::merged, name, size - 3), {all.end() - 3, all.end()});
  EXPECT_TRUE(read_tensor(parameters, TensorGroup::weights, name, size, 0).empty());
  expect_error("ASTARPO_ARGUMENT", "up_proj", [&] { read_tensor(parameters, TensorGroup::weights, name, size - 3, 4); });
  expect_error("ASTARPO_ARGUMENT", "up_proj", [&] { read_tensor(parameters, TensorGroup::weights, name, size + 1); });
}

TEST_F(TensorIo, RefusesWhatIsNotFinite) {
  const auto decoder = random_decoder(small_config(), {}, 3), narrow = random_decoder(small_config(), {.dtype = c10::kBFloat16}, 3);
  const std::string name = "model.layers.1.mlp.up_proj.weight";
  const std::vector<float> before = read_tensor(decoder->parameters(), TensorGroup::weights, name);
  const std::string path = file(0);
  const auto count = static_cast<int64_t>(before.size());
  const auto with = [&](StoredKind kind, int64_t place, uint32_t bits) {  // zeros but for one number
    const int64_t size = bytes_of(kind);
    std::string bytes(static_cast<size_t>(count * size), '\0');
    std::memcpy(bytes.data() + place * size, &bits, static_cast<size_t>(size));
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return std::vector<TensorRange>{{name, kind, 0, count * size}};
  };
  const auto load = [&](Decoder& into, const std::vector<TensorRange>& ranges) {
    load_tensors(into.parameters(), TensorGroup::weights, path, ranges, nullptr);
  };
  expect_error("ASTARPO_SAFETENSORS", "got NaN at element 0", [&] { load(*decoder, with(StoredKind::f32, 0, 0x7fc00000)); });
  expect_error("ASTARPO_SAFETENSORS", "got infinity at element 7", [&] { load(*decoder, with(StoredKind::f32, 7, 0xff800000)); });
  expect_error("ASTARPO_SAFETENSORS", path.c_str(), [&] { load(*decoder, with(StoredKind::bf16, count - 1, 0xff80)); });
  expect_error("ASTARPO_SAFETENSORS", name.c_str(), [&] { load(*decoder, with(StoredKind::f16, 5, 0x7c01)); });
  expect_same_bits(read_tensor(decoder->parameters(), TensorGroup::weights, name), before);
  // The largest float is finite, but bfloat16 rounds it to infinity; the largest bfloat16 is not.
  load(*decoder, with(StoredKind::f32, 3, 0x7f7fffff));
  expect_error("ASTARPO_SAFETENSORS", "beyond the range of bfloat16", [&] { load(*narrow, with(StoredKind::f32, 3, 0x7f7fffff)); });
  load(*narrow, with(StoredKind::f32, 3, 0xff7f7fff));
  EXPECT_EQ(read_tensor(narrow->parameters(), TensorGroup::weights, name)[3], -std::bit_cast<float>(0x7f7f0000));
  // Saved as float16, 1e5 would be infinite.
  decoder->parameters().view(decoder->parameters().slice(name), TensorGroup::weights).fill_(1e5);
  expect_error("ASTARPO_NON_FINITE", "as float16",
               [&] { save_tensors(decoder->parameters(), TensorGroup::weights, path, {{name, StoredKind::f16, 0, count * 2}}, nullptr); });
}

TEST_F(TensorIo, WorksInPieces) {
  DecoderConfig config = small_config();
  config.vocab_size = 300'000;
  config.hidden_size = 16;
  const auto source = std::make_shared<Decoder>(config, ModelOptions{}), target = std::make_shared<Decoder>(config, ModelOptions{});
  source->parameters().initialize(1, 1.0);
  const std::vector<TensorRange> all = ranges(source->parameters(), StoredKind::f32);
  ASSERT_GT(all[0].length, kIoPieceBytes);
  const std::string path = file(end_of(all));
  save_tensors(source->parameters(), TensorGroup::weights, path, all, nullptr);
  load_tensors(target->parameters(), TensorGroup::weights, path, all, nullptr);
  for (const NamedSlice& slice : source->parameters().slices) {
    expect_same_bits(read_tensor(source->parameters(), TensorGroup::weights, slice.name),
                     read_tensor(target->parameters(), TensorGroup::weights, slice.name));
  }
}

TEST_F(TensorIo, LoadingWeightsRefreshesTheMaster) {
  const auto source = random_decoder(small_config(), {.dtype = c10::kBFloat16}, 3),
             target = random_decoder(small_config(), {.dtype = c10::kBFloat16}, 4);
  target->parameters().allocate_optimizer_state();
  const std::vector<TensorRange> all = ranges(source->parameters(), StoredKind::bf16);
  const std::string path = file(end_of(all));
  save_tensors(source->parameters(), TensorGroup::weights, path, all, nullptr);
  load_tensors(target->parameters(), TensorGroup::weights, path, all, nullptr);
  for (const NamedSlice& slice : source->parameters().slices) {
    expect_same_bits(read_tensor(target->parameters(), TensorGroup::master, slice.name),
                     read_tensor(source->parameters(), TensorGroup::weights, slice.name));
  }
}

TEST_F(TensorIo, NamesFileAndTensorWhenSomethingIsWrong) {
  Parameters parameters(small_config(), {});
  const std::vector<TensorRange> all = ranges(parameters, StoredKind::f32);
  const std::string path = file(end_of(all) - 1);
  const auto load = [&](std::vector<TensorRange> some, const std::string& from) {
    load_tensors(parameters, TensorGroup::weights, from, some, nullptr);
  };
  expect_error("ASTARPO_SAFETENSORS", "model.norm.weight", [&] { load(all, path); });
  expect_error("ASTARPO_SAFETENSORS", path.c_str(), [&] { load(all, path); });
  TensorRange range = all[0];
  range.length -= 4;
  expect_error("ASTARPO_SAFETENSORS", "model.embed_tokens.weight", [&] { load({range}, path); });
  expect_error("ASTARPO_SAFETENSORS", "model.embed_tokens.weight",
               [&] { save_tensors(parameters, TensorGroup::weights, path, {range}, nullptr); });
  range = all[0];
  range.offset = -8;
  expect_error("ASTARPO_SAFETENSORS", "offset -8", [&] { load({range}, path); });
  range = all[0];
  range.offset = int64_t{1} << 50;
  expect_error("ASTARPO_SAFETENSORS", "too early", [&] { load({range}, path); });
  range = all[0];
  range.name = "model.embed_tokens.bias";
  expect_error("ASTARPO_TENSOR_UNKNOWN", "model.embed_tokens.bias", [&] { load({range}, path); });
  expect_error("ASTARPO_IO", "nowhere", [&] { load(all, (folder_ / "nowhere").string()); });
  expect_error("ASTARPO_IO", "nowhere",
               [&] { save_tensors(parameters, TensorGroup::weights, (folder_ / "nowhere").string(), all, nullptr); });
  expect_error("ASTARPO_IO", "got a folder", [&] { load(all, folder_.string()); });
  const std::string pipe = (folder_ / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expect_error("ASTARPO_IO", pipe.c_str(), [&] { load(all, pipe); });
  if (std::filesystem::exists("/dev/full")) {
    expect_error("ASTARPO_IO", "model.embed_tokens.weight",
                 [&] { save_tensors(parameters, TensorGroup::weights, "/dev/full", all, nullptr); });
  }
  AbortFlag abort;
  abort.set();
  expect_error("ASTARPO_ABORTED", "aborted", [&] { load_tensors(parameters, TensorGroup::weights, path, all, &abort); });
}

}  // namespace
}  // namespace astarpo
