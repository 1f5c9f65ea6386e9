// The reader and writer of tensor ranges, fed with arbitrary ranges over arbitrary files. Whatever comes: every error is one of the
// coded ones, nothing is read beside its buffer, and what was read is what the bytes say.
//
// An input is: dtype and group (2 bytes), number of ranges (1), for each of them tensor (1), kind (1), offset (8), length (8); the rest
// is the file. A length of all ones stands for the right one, so that inputs get past the first check.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "native/error.h"
#include "native/model/tensor_io.h"

namespace astarpo {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "tensor_io_fuzz: expected %s\n", what);
  std::abort();
}

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  template <class T>
  T take() {
    T value{};
    const size_t bytes = std::min(sizeof value, size_);
    std::memcpy(&value, data_, bytes);
    data_ += bytes, size_ -= bytes;
    return value;
  }
  const uint8_t* rest() const { return data_; }
  size_t rest_bytes() const { return size_; }

 private:
  const uint8_t* data_;
  size_t size_;
};

// A file in memory, by the path that the reader opens.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* bytes, size_t size) : descriptor_(::memfd_create("tensors", MFD_CLOEXEC)) {
    require(descriptor_ >= 0, "a file in memory");
    require(size == 0 || ::pwrite(descriptor_, bytes, size, 0) == static_cast<ssize_t>(size), "to write it");
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
  std::vector<uint8_t> read(size_t size) const {
    std::vector<uint8_t> bytes(size);
    require(size == 0 || ::pread(descriptor_, bytes.data(), size, 0) == static_cast<ssize_t>(size), "to read it back");
    return bytes;
  }

 private:
  int descriptor_;
};

DecoderConfig config() {
  DecoderConfig config;
  config.vocab_size = 11, config.hidden_size = 8, config.intermediate_size = 12, config.layers = 1;
  config.heads = 2, config.kv_heads = 1, config.head_dim = 4, config.max_positions = 16;
  config.rms_norm_eps = 1e-6;
  config.rope_frequencies = {1.0F, 0.01F};
  config.qkv_bias = true, config.tied_head = true;
  return config;
}

Parameters& parameters(bool narrow) {
  static Parameters wide(config(), {}), half(config(), {.dtype = c10::kBFloat16});
  return narrow ? half : wide;
}

// What the bytes of a file say, by the definitions of the formats.
float number_at(const uint8_t* bytes, StoredKind kind) {
  uint16_t word = 0;
  std::memcpy(&word, bytes, 2);
  switch (kind) {
    case StoredKind::f32: {
      float value = 0;
      std::memcpy(&value, bytes, 4);
      return value;
    }
    case StoredKind::bf16:
      return std::bit_cast<float>(static_cast<uint32_t>(word) << 16);
    case StoredKind::f16:
      break;
  }
  const int exponent = word >> 10 & 31, mantissa = word & 1023;
  const double magnitude = exponent == 31  ? (mantissa == 0 ? INFINITY : NAN)
                           : exponent == 0 ? std::ldexp(mantissa, -24)
                                           : std::ldexp(1024 + mantissa, exponent - 25);
  return static_cast<float>((word & 0x8000) != 0 ? -magnitude : magnitude);
}

int64_t right_length(const Parameters& parameters, const TensorRange& range) {
  for (const NamedSlice& slice : parameters.slices) {
    if (slice.name != range.name) continue;
    int64_t bytes = bytes_of(range.kind);
    for (const int64_t size : slice.shape) bytes *= size;
    return bytes;
  }
  return -1;
}

void check_values(Parameters& parameters, TensorGroup group, const TensorRange& range, const uint8_t* file) {
  const std::vector<float> values = read_tensor(parameters, group, range.name);
  const bool rounds = group == TensorGroup::weights && parameters.all[0].value.scalar_type() == c10::kBFloat16;
  for (size_t i = 0; i < values.size(); ++i) {
    const float stored = number_at(file + range.offset + static_cast<int64_t>(i) * bytes_of(range.kind), range.kind);
    require(std::isfinite(stored) && std::isfinite(values[i]), "finite numbers alone to be loaded");
    if (!rounds) require(std::bit_cast<uint32_t>(values[i]) == std::bit_cast<uint32_t>(stored), "the number that the file holds");
    if (rounds) require(std::abs(values[i] - stored) <= std::abs(stored) / 256 + 1e-38F, "the nearest bfloat16");
  }
}

void run(const uint8_t* data, size_t size) {
  Input input(data, size);
  Parameters& target = parameters((input.take<uint8_t>() & 1) != 0);
  constexpr TensorGroup kGroups[] = {TensorGroup::weights,    TensorGroup::weights,  TensorGroup::master, TensorGroup::exp_avg,
                                     TensorGroup::exp_avg_sq, TensorGroup::gradient, TensorGroup::merged};
  const TensorGroup group = kGroups[input.take<uint8_t>() % std::size(kGroups)];
  std::vector<TensorRange> ranges(input.take<uint8_t>() % 5);
  for (TensorRange& range : ranges) {
    const size_t tensor = input.take<uint8_t>() % (target.slices.size() + 1);
    range.name = tensor < target.slices.size() ? target.slices[tensor].name : "model.nowhere.weight";
    range.kind = static_cast<StoredKind>(input.take<uint8_t>() % 3);
    range.offset = input.take<int64_t>();
    range.length = input.take<int64_t>();
    if (range.length == -1) range.length = right_length(target, range);
  }
  const MemoryFile file(input.rest(), input.rest_bytes());
  static const std::set<std::string> kCodes = {"ASTARPO_SAFETENSORS", "ASTARPO_TENSOR_UNKNOWN", "ASTARPO_ARGUMENT", "ASTARPO_IO"};
  try {
    load_tensors(target, group, file.path(), ranges, nullptr);
  } catch (const Error& error) {
    require(kCodes.contains(error.code()), "one of the coded errors");
    return;
  }
  for (size_t i = 0; i < ranges.size(); ++i) {
    bool last = true;  // of several ranges for one tensor
    for (size_t later = i + 1; later < ranges.size(); ++later) last = last && ranges[later].name != ranges[i].name;
    if (!last) continue;
    require(ranges[i].offset >= 0 && ranges[i].offset + ranges[i].length <= static_cast<int64_t>(input.rest_bytes()),
            "ranges inside the file");
    check_values(target, group, ranges[i], input.rest());
    // What was read whole is written back as it was.
    if (ranges[i].kind != StoredKind::f32 || (group == TensorGroup::weights && target.all[0].value.scalar_type() != c10::kFloat)) continue;
    const MemoryFile copy(input.rest(), input.rest_bytes());
    save_tensors(target, group, copy.path(), {ranges[i]}, nullptr);
    require(copy.read(input.rest_bytes()) == std::vector<uint8_t>(input.rest(), input.rest() + input.rest_bytes()),
            "the same bytes written back");
  }
}

// An input whose ranges fit their file: some tensors, one after the other, with finite numbers. At most `room` bytes.
std::vector<uint8_t> valid_input(std::mt19937& random, size_t room) {
  const bool narrow = random() % 2 != 0;
  const Parameters& target = parameters(narrow);
  const auto put = [](std::vector<uint8_t>& bytes, int64_t number) {
    bytes.resize(bytes.size() + sizeof number);
    std::memcpy(bytes.data() + bytes.size() - sizeof number, &number, sizeof number);
  };
  const size_t count = random() % 5;
  std::vector<uint8_t> head = {static_cast<uint8_t>(narrow), static_cast<uint8_t>(random()), static_cast<uint8_t>(count)};
  int64_t end = static_cast<int64_t>(random() % 8);
  for (size_t i = 0; i < count; ++i) {
    const size_t tensor = random() % target.slices.size();
    const auto kind = static_cast<StoredKind>(random() % 3);
    head.push_back(static_cast<uint8_t>(tensor)), head.push_back(static_cast<uint8_t>(kind));
    put(head, end), put(head, -1);
    end += right_length(target, {.name = target.slices[tensor].name, .kind = kind, .offset = 0, .length = 0});
  }
  std::vector<uint8_t> input = head;
  // 0x3c in every second byte: a moderate number in each of the types.
  for (int64_t i = 0; i < end; ++i) input.push_back(static_cast<uint8_t>(i % 2 == 0 ? random() : 0x3c));
  input.resize(std::min(input.size(), room));
  return input;
}

}  // namespace
}  // namespace astarpo

// libFuzzer's own mutations, or those of driver.cc.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t room);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t room, unsigned seed) {
  std::mt19937 random(seed);
  // Mutations alone would rarely find ranges that fit.
  if (size > 0 && random() % 8 != 0) return LLVMFuzzerMutate(data, size, room);
  const std::vector<uint8_t> fresh = astarpo::valid_input(random, room);
  std::copy(fresh.begin(), fresh.end(), data);
  return fresh.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  astarpo::run(data, size);
  return 0;
}
