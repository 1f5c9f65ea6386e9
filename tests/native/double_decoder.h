// The decoder once more, in doubles and plain loops, straight from the formulas: what the native one is compared with, and what
// finite differences are taken of. Nothing is shared with the code under test but the names of the tensors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "native/model/config.h"
#include "native/model/parameters.h"
#include "native/model/tensor_io.h"
#include "native/train/pass.h"

namespace astarpo::testing {

using Weights = std::map<std::string, std::vector<double>>;

inline Weights weights_of(Parameters& parameters, TensorGroup group = TensorGroup::weights) {
  Weights weights;
  for (const NamedSlice& slice : parameters.slices) {
    const std::vector<float> values = read_tensor(parameters, group, slice.name);
    weights[slice.name].assign(values.begin(), values.end());
  }
  return weights;
}

class DoubleDecoder {
 public:
  using Rows = std::vector<std::vector<double>>;

  // Called with a linear map's weight name, its input and its result, which it may change: where a test's adapters come in.
  std::function<void(const std::string& weight, const Rows& x, Rows& y)> after_linear;

  DoubleDecoder(const DecoderConfig& config, const Weights& weights) : config_(config), weights_(weights) {}

  // Logits [length][vocab] of one sequence.
  std::vector<std::vector<double>> logits(const std::vector<int32_t>& tokens) const {
    const size_t length = tokens.size(), hidden = size(config_.hidden_size);
    Rows x(length, std::vector<double>(hidden));
    const std::vector<double>& embedding = weights_.at("model.embed_tokens.weight");
    for (size_t t = 0; t < length; ++t) {
      for (size_t i = 0; i < hidden; ++i) x[t][i] = embedding[size(tokens[t]) * hidden + i];
    }
    for (int64_t layer = 0; layer < config_.layers; ++layer) {
      const std::string prefix = "model.layers." + std::to_string(layer) + ".";
      const int64_t window = config_.windows.empty() ? 0 : config_.windows[size(layer)];
      add(x, attention(prefix, norm(x, prefix + "input_layernorm.weight"), window));
      add(x, mlp(prefix, norm(x, prefix + "post_attention_layernorm.weight")));
    }
    return linear(norm(x, "model.norm.weight"), config_.tied_head ? "model.embed_tokens.weight" : "lm_head.weight", "");
  }

 private:
  static size_t size(int64_t value) { return static_cast<size_t>(value); }

  static void add(Rows& x, const Rows& y) {
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t i = 0; i < x[t].size(); ++i) x[t][i] += y[t][i];
    }
  }

  // Runs of as many values as there are weights, each on its own: a whole row, or its heads.
  Rows norm(const Rows& x, const std::string& name) const {
    const std::vector<double>& weight = weights_.at(name);
    Rows y = x;
    for (std::vector<double>& row : y) {
      for (size_t begin = 0; begin < row.size(); begin += weight.size()) {
        double squares = 0;
        for (size_t i = 0; i < weight.size(); ++i) squares += row[begin + i] * row[begin + i];
        const double scale = 1 / std::sqrt(squares / static_cast<double>(weight.size()) + config_.rms_norm_eps);
        for (size_t i = 0; i < weight.size(); ++i) row[begin + i] *= scale * weight[i];
      }
    }
    return y;
  }

  Rows linear(const Rows& x, const std::string& name, const std::string& bias) const {
    const std::vector<double>& weight = weights_.at(name);
    const size_t in = x.empty() ? 1 : x[0].size(), out = weight.size() / in;
    Rows y(x.size(), std::vector<double>(out));
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t o = 0; o < out; ++o) {
        double sum = bias.empty() ? 0 : weights_.at(bias)[o];
        for (size_t i = 0; i < in; ++i) sum += weight[o * in + i] * x[t][i];
        y[t][o] = sum;
      }
    }
    if (after_linear) after_linear(name, x, y);
    return y;
  }

  void rope(Rows& x) const {
    const size_t dim = size(config_.head_dim), half = dim / 2;
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t head = 0; head * dim < x[t].size(); ++head) {
        for (size_t i = 0; i < half; ++i) {
          const double angle = static_cast<double>(t) * static_cast<double>(config_.rope_frequencies[i]);
          const double cosine = config_.rope_scale * std::cos(angle), sine = config_.rope_scale * std::sin(angle);
          double& a = x[t][head * dim + i];
          double& b = x[t][head * dim + i + half];
          const double first = a * cosine - b * sine;
          b = b * cosine + a * sine;
          a = first;
        }
      }
    }
  }

  Rows project(const std::string& module, const Rows& x, bool bias) const {
    return linear(x, module + ".weight", bias ? module + ".bias" : "");
  }

  Rows attention(const std::string& prefix, const Rows& x, int64_t window) const {
    const std::string self = prefix + "self_attn.";
    Rows q = project(self + "q_proj", x, config_.qkv_bias), k = project(self + "k_proj", x, config_.qkv_bias);
    const Rows v = project(self + "v_proj", x, config_.qkv_bias);
    if (config_.qk_norm) {
      q = norm(q, self + "q_norm.weight");
      k = norm(k, self + "k_norm.weight");
    }
    rope(q);
    rope(k);
    const size_t dim = size(config_.head_dim), heads = size(config_.heads), group = heads / size(config_.kv_heads);
    Rows out(x.size(), std::vector<double>(heads * dim));
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t head = 0; head < heads; ++head) {
        const size_t own = head * dim, shared = head / group * dim;
        std::vector<double> p(t + 1);
        for (size_t key = 0; key <= t; ++key) {
          for (size_t i = 0; i < dim; ++i) p[key] += q[t][own + i] * k[key][shared + i];
          p[key] /= std::sqrt(static_cast<double>(dim));
          if (window > 0 && t - key >= size(window)) p[key] = -INFINITY;
        }
        const double largest = *std::max_element(p.begin(), p.end());
        double sum = 0;
        for (double& value : p) sum += value = std::exp(value - largest);
        for (size_t key = 0; key <= t; ++key) {
          for (size_t i = 0; i < dim; ++i) out[t][own + i] += p[key] / sum * v[key][shared + i];
        }
      }
    }
    return project(self + "o_proj", out, config_.o_bias);
  }

  Rows mlp(const std::string& prefix, const Rows& x) const {
    Rows gate = project(prefix + "mlp.gate_proj", x, config_.mlp_bias);
    const Rows up = project(prefix + "mlp.up_proj", x, config_.mlp_bias);
    for (size_t t = 0; t < gate.size(); ++t) {
      for (size_t i = 0; i < gate[t].size(); ++i) gate[t][i] = gate[t][i] / (1 + std::exp(-gate[t][i])) * up[t][i];
    }
    return project(prefix + "mlp.down_proj", gate, config_.mlp_bias);
  }

  const DecoderConfig& config_;
  const Weights& weights_;
};

struct RowValues {
  std::vector<double> logp, kl, entropy;
};

inline std::vector<double> log_softmax(const std::vector<double>& logits, double temperature) {
  std::vector<double> z(logits.size());
  for (size_t i = 0; i < z.size(); ++i) z[i] = logits[i] / temperature;
  const double largest = *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (const double value : z) sum += std::exp(value - largest);
  for (double& value : z) value -= largest + std::log(sum);
  return z;
}

// Row values of a whole batch; kl against `reference`, which may have another shape but the same vocabulary.
inline RowValues row_values(const DoubleDecoder& model, const DoubleDecoder& reference, const PackedBatch& batch) {
  RowValues values;
  for (size_t sequence = 0; sequence + 1 < batch.offsets.size(); ++sequence) {
    const std::vector<int32_t> tokens(batch.tokens.begin() + batch.offsets[sequence], batch.tokens.begin() + batch.offsets[sequence + 1]);
    const auto logits = model.logits(tokens), reference_logits = reference.logits(tokens);
    for (size_t t = 1; t < tokens.size(); ++t) {
      if (batch.mask[static_cast<size_t>(batch.offsets[sequence]) + t] == 0) continue;
      const std::vector<double> log_p = log_softmax(logits[t - 1], batch.temperature[sequence]);
      const std::vector<double> log_q = log_softmax(reference_logits[t - 1], batch.temperature[sequence]);
      double kl = 0, entropy = 0;
      for (size_t v = 0; v < log_p.size(); ++v) {
        kl += std::exp(log_p[v]) * (log_p[v] - log_q[v]);
        entropy -= std::exp(log_p[v]) * log_p[v];
      }
      values.logp.push_back(log_p[static_cast<size_t>(tokens[t])]);
      values.kl.push_back(kl);
      values.entropy.push_back(entropy);
    }
  }
  return values;
}

}  // namespace astarpo::testing
