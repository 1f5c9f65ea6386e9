// Adapters in doubles and plain loops: the other side of what native/model/adapter.cc and projection.cc compute.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>

#include "native/model/ops.h"
#include "native/random.h"
#include "tests/native/double_decoder.h"
#include "tests/native/model_fixtures.h"

namespace astarpo::testing {

// Threads of the CPU's kernels, until the end of the scope.
class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

inline const std::vector<std::string> kModules = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                                                  "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

inline std::string module_name(int64_t layer, const std::string& module) { return "model.layers." + std::to_string(layer) + "." + module; }

// The given modules in the given layers, no two with the same rank and scale.
inline std::vector<AdapterModule> adapter_modules(const std::vector<int64_t>& layers, const std::vector<std::string>& modules) {
  std::vector<AdapterModule> result;
  for (const int64_t layer : layers) {
    for (const std::string& module : modules) {
      const auto index = static_cast<int64_t>(result.size());
      result.push_back({module_name(layer, module), 1 + index % 3, 0.5 + 0.25 * static_cast<double>(index % 4)});
    }
  }
  return result;
}

// B too, which starts at 0, so that nothing is left out unnoticed.
inline void fill_adapters(Parameters& parameters, uint64_t seed, double size = 0.5) {
  Numbers numbers(seed);
  for (const NamedSlice& slice : parameters.slices) {
    if (!slice.adapter) continue;
    std::vector<float> values;
    for (int64_t i = 0; i < slice.numel(); ++i) values.push_back(static_cast<float>(size * numbers.symmetric()));
    parameters.view(slice, TensorGroup::weights).copy_(at::from_blob(values.data(), slice.shape, c10::kFloat));
  }
}

inline std::shared_ptr<Decoder> decoder_with_adapters(const DecoderConfig& config, const ModelOptions& options,
                                                      const std::vector<AdapterModule>& modules, double dropout = 0, uint64_t seed = 3,
                                                      double std = 0.3) {
  auto decoder = random_decoder(config, options, seed, std);
  decoder->parameters().add_adapter(modules, {.seed = seed, .dropout = dropout});
  fill_adapters(decoder->parameters(), seed + 1);
  return decoder;
}

// y += scale · (mask ∘ x / (1 − p)) · Aᵀ · Bᵀ for the modules that have an adapter. Row t of every sequence is row t of the batch, so
// with dropout there may be one sequence only.
class DoubleAdapters {
 public:
  DoubleAdapters(const std::vector<AdapterModule>& modules, const Weights& weights) : weights_(weights) {
    for (const AdapterModule& module : modules) settings_.emplace(module.module + ".weight", module);
  }

  // Masks as [rows][in] of 0 and 1 / (1 − p), by weight; absent: all 1.
  std::map<std::string, DoubleDecoder::Rows> masks;

  void operator()(const std::string& weight, const DoubleDecoder::Rows& x, DoubleDecoder::Rows& y) const {
    const auto found = settings_.find(weight);
    if (found == settings_.end()) return;
    const AdapterModule& settings = found->second;
    const std::vector<double>&a = weights_.at(settings.module + ".lora_A.weight"), &b = weights_.at(settings.module + ".lora_B.weight");
    const auto mask = masks.find(weight);
    const auto rank = static_cast<size_t>(settings.rank);
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t r = 0; r < rank; ++r) {
        double u = 0;
        for (size_t i = 0; i < x[t].size(); ++i) {
          const double factor = mask == masks.end() ? 1.0 : t < mask->second.size() ? mask->second[t][i] : 0.0;
          u += factor * x[t][i] * a[r * x[t].size() + i];
        }
        for (size_t o = 0; o < y[t].size(); ++o) y[t][o] += settings.scale * u * b[o * rank + r];
      }
    }
  }

 private:
  const Weights& weights_;
  std::map<std::string, AdapterModule> settings_;
};

// Σ g · logp over the batch's rows.
inline double weighted_logps(const DecoderConfig& config, const Weights& weights, const DoubleAdapters& adapters, const PackedBatch& batch,
                             const std::vector<double>& gradients) {
  DoubleDecoder decoder(config, weights);
  decoder.after_linear = adapters;
  const RowValues values = row_values(decoder, decoder, batch);
  double sum = 0;
  for (size_t row = 0; row < gradients.size(); ++row) sum += gradients[row] * values.logp[row];
  return sum;
}

inline std::vector<double> random_row_gradients(int64_t rows, uint64_t seed) {
  Numbers numbers(seed);
  std::vector<double> gradients;
  for (int64_t row = 0; row < rows; ++row) gradients.push_back(numbers.symmetric());
  return gradients;
}

}  // namespace astarpo::testing
