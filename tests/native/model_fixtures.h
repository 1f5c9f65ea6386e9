#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "native/model/decoder.h"
#include "native/train/pass.h"

namespace astarpo::testing {

// Unscaled: theta^(−2i / head_dim).
inline std::vector<float> rope_frequencies(double theta, int64_t head_dim) {
  std::vector<float> frequencies;
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    frequencies.push_back(static_cast<float>(std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim))));
  }
  return frequencies;
}

// Small and without coincidences: hidden ≠ heads · head_dim, and no two sizes that could be swapped unnoticed.
inline DecoderConfig small_config() {
  return {.vocab_size = 13,
          .hidden_size = 10,
          .intermediate_size = 14,
          .layers = 2,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 4,
          .max_positions = 64,
          .rms_norm_eps = 1e-6,
          .rope_frequencies = rope_frequencies(10000.0, 4),
          .qkv_bias = true,
          .tied_head = true};
}

// Wide enough that the vectorised kernels run their main loops and their remainders.
inline DecoderConfig wide_config() {
  return {.vocab_size = 101,
          .hidden_size = 72,
          .intermediate_size = 152,
          .layers = 3,
          .heads = 6,
          .kv_heads = 2,
          .head_dim = 24,
          .max_positions = 512,
          .rms_norm_eps = 1e-6,
          .rope_frequencies = rope_frequencies(10000.0, 24),
          .qkv_bias = true,
          .tied_head = false};
}

// Everything that a family may switch on: q/k norm, every bias, a window in some layers, scaled rotation.
inline DecoderConfig with_all_features(DecoderConfig config) {
  config.qk_norm = config.qkv_bias = config.o_bias = config.mlp_bias = true;
  config.rope_scale = 1.25;
  for (int64_t layer = 0; layer < config.layers; ++layer) config.windows.push_back(layer % 2 == 0 ? 3 : 0);
  return config;
}

inline ModelOptions reproducible_options() { return {.reproducible = true}; }

// A small linear generator of its own, so that tests do not lean on the code under test for their numbers.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 2654435761U + 12345) {}
  uint32_t next() { return static_cast<uint32_t>((state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL) >> 33); }
  int32_t below(int64_t bound) { return static_cast<int32_t>(next() % static_cast<uint32_t>(bound)); }
  double symmetric() { return static_cast<double>(next()) / (1U << 30) - 1; }  // in [-1, 1)

 private:
  uint64_t state_;
};

// Weights large enough that nothing is nearly linear; norms and biases too, which initialize() leaves at 1 and 0.
inline std::shared_ptr<Decoder> random_decoder(const DecoderConfig& config, const ModelOptions& options, uint64_t seed, double std = 0.3) {
  auto decoder = std::make_shared<Decoder>(config, options);
  Parameters& parameters = decoder->parameters();
  parameters.initialize(seed, std);
  Numbers numbers(seed);
  for (const NamedSlice& slice : parameters.slices) {
    if (slice.shape.size() != 1) continue;
    at::Tensor view = parameters.view(slice, TensorGroup::weights);
    const bool norm = slice.name.ends_with("norm.weight");
    for (int64_t i = 0; i < view.numel(); ++i) view[i].fill_((norm ? 1.0 : 0.0) + 0.3 * numbers.symmetric());
  }
  return decoder;
}

inline std::vector<int32_t> random_tokens(Numbers& numbers, int64_t count, int64_t vocab) {
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < count; ++i) tokens.push_back(numbers.below(vocab));
  return tokens;
}

// Sequences of the given lengths; about half of the tokens masked in, in runs.
inline PackedBatch random_batch(const DecoderConfig& config, const std::vector<int64_t>& lengths, uint64_t seed) {
  Numbers numbers(seed);
  PackedBatch batch;
  batch.offsets.push_back(0);
  for (const int64_t length : lengths) {
    const std::vector<int32_t> tokens = random_tokens(numbers, length, config.vocab_size);
    bool on = false;
    for (int64_t t = 0; t < length; ++t) {
      if (numbers.below(3) == 0) on = !on;
      batch.tokens.push_back(tokens[static_cast<size_t>(t)]);
      batch.mask.push_back(t > 0 && on ? 1 : 0);
    }
    batch.offsets.push_back(static_cast<int32_t>(batch.tokens.size()));
    batch.temperature.push_back(static_cast<float>(0.7 + 0.2 * static_cast<double>(numbers.below(4))));
  }
  return batch;
}

inline std::vector<float> floats_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(c10::kFloat).contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

// Bit for bit, so that NaN equals itself and 0 differs from −0.
inline void expect_same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint32_t>(a[i]), std::bit_cast<uint32_t>(b[i])) << "at " << i << ": " << a[i] << " and " << b[i];
}

template <class A, class B>
void expect_near(const std::vector<A>& a, const std::vector<B>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(static_cast<double>(a[i]), static_cast<double>(b[i]), tolerance) << "at " << i;
}

template <class Call>
void expect_error(const char* code, const char* words, Call call) {
  try {
    call();
    FAIL() << "expected " << code;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

}  // namespace astarpo::testing
