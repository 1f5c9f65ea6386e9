#include "native/model/parameters.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <numbers>
#include <numeric>

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "native/error.h"
#include "native/random.h"

namespace astarpo {
namespace {

using Guard = at::AutoDispatchBelowADInplaceOrView;

constexpr int64_t kMaxElements = int64_t{1} << 40;

void check_size(const char* name, int64_t value) {
  if (value < 1 || value > kMaxElements) {
    throw Error("ASTARPO_CONFIG", std::string("expected ") + name + " to be a positive count, got " + std::to_string(value));
  }
}

void check_product(const char* name, int64_t a, int64_t b) {
  if (a > kMaxElements / b)
    throw Error("ASTARPO_CONFIG",
                std::string("expected a smaller ") + name + " matrix, got " + std::to_string(a) + " x " + std::to_string(b));
}

void check_config(const DecoderConfig& config, const ModelOptions& options) {
  check_size("vocab_size", config.vocab_size);
  check_size("hidden_size", config.hidden_size);
  check_size("intermediate_size", config.intermediate_size);
  check_size("layers", config.layers);
  check_size("heads", config.heads);
  check_size("kv_heads", config.kv_heads);
  check_size("head_dim", config.head_dim);
  check_size("max_positions", config.max_positions);
  if (config.vocab_size > INT32_MAX || config.max_positions > INT32_MAX)
    throw Error("ASTARPO_CONFIG", "expected vocab_size and max_positions to fit 32 bits");
  if (config.heads % config.kv_heads != 0) {
    throw Error("ASTARPO_CONFIG", "expected heads to be a multiple of kv_heads, got " + std::to_string(config.heads) + " and " +
                                      std::to_string(config.kv_heads));
  }
  if (config.head_dim % 2 != 0) throw Error("ASTARPO_CONFIG", "expected an even head_dim, got " + std::to_string(config.head_dim));
  if (!(config.rms_norm_eps > 0) || !std::isfinite(config.rms_norm_eps)) throw Error("ASTARPO_CONFIG", "expected a positive rms_norm_eps");
  if (static_cast<int64_t>(config.rope_frequencies.size()) != config.head_dim / 2)
    throw Error("ASTARPO_CONFIG", "expected head_dim / 2 = " + std::to_string(config.head_dim / 2) + " rope_frequencies, got " +
                                      std::to_string(config.rope_frequencies.size()));
  for (const float frequency : config.rope_frequencies) {
    if (!std::isfinite(frequency)) throw Error("ASTARPO_CONFIG", "expected finite rope_frequencies");
  }
  if (!std::isfinite(config.rope_scale)) throw Error("ASTARPO_CONFIG", "expected a finite rope_scale");
  if (!config.windows.empty() && static_cast<int64_t>(config.windows.size()) != config.layers)
    throw Error("ASTARPO_CONFIG",
                "expected one window per layer (" + std::to_string(config.layers) + "), got " + std::to_string(config.windows.size()));
  for (const int32_t window : config.windows) {
    if (window < 0) throw Error("ASTARPO_CONFIG", "expected windows of 0 (all keys) or more, got " + std::to_string(window));
  }
  check_product("head", config.heads + 2 * config.kv_heads, config.head_dim);
  check_product("vocabulary", config.vocab_size, config.hidden_size);
  check_product("qkv", (config.heads + 2 * config.kv_heads) * config.head_dim, config.hidden_size);
  check_product("gate_up", 2 * config.intermediate_size, config.hidden_size);
  if (options.dtype != c10::kFloat && options.dtype != c10::kBFloat16) throw Error("ASTARPO_CONFIG", "expected dtype float32 or bfloat16");
}

void fill_normal(float* out, int64_t count, uint64_t stream, double std) {
  const int64_t pairs = (count + 1) / 2;
  at::parallel_for(0, pairs, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t pair = begin; pair < end; ++pair) {
      const double radius = std * std::sqrt(-2.0 * std::log(stream_uniform(stream, static_cast<uint64_t>(2 * pair))));
      const double angle = 2.0 * std::numbers::pi * stream_uniform(stream, static_cast<uint64_t>(2 * pair + 1));
      out[2 * pair] = static_cast<float>(radius * std::cos(angle));
      if (2 * pair + 1 < count) out[2 * pair + 1] = static_cast<float>(radius * std::sin(angle));
    }
  });
}

bool ends_with(const std::string& text, const char* ending) { return text.ends_with(ending); }

}  // namespace

int64_t NamedSlice::numel() const { return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies()); }

Parameters::Parameters(const DecoderConfig& config, const ModelOptions& options) {
  check_config(config, options);
  const Guard guard;
  const auto tensor_options = at::TensorOptions().dtype(options.dtype).device(options.device);
  const auto add = [&](std::vector<int64_t> shape) {
    all.emplace_back().value = at::zeros(shape, tensor_options);
    return static_cast<int64_t>(all.size()) - 1;
  };
  const auto name = [&](std::string name, int64_t parameter, int64_t row, int64_t rows) {
    std::vector<int64_t> shape = all[static_cast<size_t>(parameter)].value.sizes().vec();
    shape[0] = rows;
    slices.push_back({std::move(name), parameter, row, rows, std::move(shape)});
  };
  const int64_t hidden = config.hidden_size, width = config.intermediate_size;
  const int64_t q_rows = config.heads * config.head_dim, kv_rows = config.kv_heads * config.head_dim;

  embedding = add({config.vocab_size, hidden});
  name("model.embed_tokens.weight", embedding, 0, config.vocab_size);
  for (int64_t index = 0; index < config.layers; ++index) {
    const std::string prefix = "model.layers." + std::to_string(index) + ".";
    LayerParameters layer{};
    layer.input_norm = add({hidden});
    name(prefix + "input_layernorm.weight", layer.input_norm, 0, hidden);
    struct Part {
      const char* module;
      int64_t rows;
    };
    // One matrix (and bias) for the modules, in this order along the output.
    const auto project = [&](std::initializer_list<Part> parts, int64_t in, bool bias) {
      int64_t rows = 0;
      for (const Part& part : parts) rows += part.rows;
      Projection projection{.weight = add({rows, in})};
      if (bias) projection.bias = add({rows});
      int64_t row = 0;
      for (const Part& part : parts) {
        name(prefix + part.module + ".weight", projection.weight, row, part.rows);
        if (bias) name(prefix + part.module + ".bias", projection.bias, row, part.rows);
        row += part.rows;
      }
      return projection;
    };
    layer.qkv =
        project({{"self_attn.q_proj", q_rows}, {"self_attn.k_proj", kv_rows}, {"self_attn.v_proj", kv_rows}}, hidden, config.qkv_bias);
    layer.o = project({{"self_attn.o_proj", hidden}}, q_rows, config.o_bias);
    if (config.qk_norm) {
      layer.q_norm = add({config.head_dim});
      name(prefix + "self_attn.q_norm.weight", layer.q_norm, 0, config.head_dim);
      layer.k_norm = add({config.head_dim});
      name(prefix + "self_attn.k_norm.weight", layer.k_norm, 0, config.head_dim);
    }
    layer.post_norm = add({hidden});
    name(prefix + "post_attention_layernorm.weight", layer.post_norm, 0, hidden);
    layer.gate_up = project({{"mlp.gate_proj", width}, {"mlp.up_proj", width}}, hidden, config.mlp_bias);
    layer.down = project({{"mlp.down_proj", hidden}}, width, config.mlp_bias);
    layers.push_back(layer);
  }
  final_norm = add({hidden});
  name("model.norm.weight", final_norm, 0, hidden);
  head = config.tied_head ? embedding : add({config.vocab_size, hidden});
  if (!config.tied_head) name("lm_head.weight", head, 0, config.vocab_size);
}

void Parameters::initialize(uint64_t seed, double std, double embedding_std) {
  const Guard guard;
  if (has_adapter()) throw Error("ASTARPO_ADAPTER", "expected a model without adapter to initialize, got one with an adapter");
  for (const NamedSlice& slice : slices) {
    at::Tensor target = writable(slice);
    if (ends_with(slice.name, "norm.weight")) {
      target.fill_(1.0);
    } else if (ends_with(slice.name, ".bias")) {
      target.zero_();
    } else {
      at::Tensor values = at::empty({slice.numel()}, at::TensorOptions().dtype(c10::kFloat));
      fill_normal(values.data_ptr<float>(), values.numel(), stream_of(seed, slice.name),
                  slice.parameter == embedding && embedding_std >= 0 ? embedding_std : std);
      target.copy_(values.view(slice.shape));
    }
  }
  for (Parameter& parameter : all) parameter.master.reset();  // made again from the new values
}

const NamedSlice& Parameters::slice(const std::string& name) const {
  const auto found = std::find_if(slices.begin(), slices.end(), [&](const NamedSlice& slice) { return slice.name == name; });
  if (found == slices.end())
    throw Error("ASTARPO_TENSOR_UNKNOWN",
                "expected the name of one of the model's " + std::to_string(slices.size()) + " tensors, got '" + name + "'");
  return *found;
}

at::Tensor Parameters::view(const NamedSlice& slice, TensorGroup group) {
  const Guard guard;
  Parameter& parameter = all[static_cast<size_t>(slice.parameter)];
  if (!parameter.trainable && group != TensorGroup::weights)
    throw Error("ASTARPO_ARGUMENT",
                "expected group 'weights' of '" + slice.name + "', which is frozen: it has no gradient or optimizer state");
  const auto zeros = [&](at::Tensor& tensor) -> at::Tensor& {
    if (!tensor.defined()) tensor = at::zeros(parameter.value.sizes(), parameter.value.options().dtype(c10::kFloat));
    return tensor;
  };
  const auto of_group = [&]() -> at::Tensor& {
    switch (group) {
      case TensorGroup::weights:
        return parameter.value;
      case TensorGroup::exp_avg:
        return zeros(parameter.exp_avg);
      case TensorGroup::exp_avg_sq:
        return zeros(parameter.exp_avg_sq);
      case TensorGroup::gradient:
        return zeros(parameter.grad);
      case TensorGroup::merged:
        throw Error("ASTARPO_INTERNAL", "expected a group that lies in memory, got 'merged'");
      case TensorGroup::master:
        break;
    }
    if (parameter.value.scalar_type() == c10::kFloat) return parameter.value;
    if (!parameter.master.defined()) parameter.master = parameter.value.to(c10::kFloat);
    return parameter.master;
  };
  return of_group().narrow(0, slice.row, slice.rows);
}

at::Tensor Parameters::writable(const NamedSlice& slice) {
  const Guard guard;
  Parameter& parameter = all[static_cast<size_t>(slice.parameter)];
  if (parameter.value.use_count() > 1) parameter.value = parameter.value.clone();
  parameter.borrowed = false;
  return view(slice, TensorGroup::weights);
}

bool Parameters::has_gradients() const { return gradients_present_; }

void Parameters::allocate_gradients() {
  const Guard guard;
  for (Parameter& parameter : all) {
    if (!parameter.trainable) continue;
    if (!parameter.grad.defined()) parameter.grad = at::zeros(parameter.value.sizes(), parameter.value.options().dtype(c10::kFloat));
  }
  gradients_present_ = true;
}

void Parameters::allocate_optimizer_state() {
  const Guard guard;
  for (Parameter& parameter : all) {
    if (!parameter.trainable) continue;
    const auto options = parameter.value.options().dtype(c10::kFloat);
    if (parameter.value.scalar_type() != c10::kFloat && !parameter.master.defined()) parameter.master = parameter.value.to(c10::kFloat);
    if (!parameter.exp_avg.defined()) parameter.exp_avg = at::zeros(parameter.value.sizes(), options);
    if (!parameter.exp_avg_sq.defined()) parameter.exp_avg_sq = at::zeros(parameter.value.sizes(), options);
  }
}

void Parameters::clear_gradients() {
  const Guard guard;
  for (Parameter& parameter : all) {
    if (parameter.grad.defined()) parameter.grad.zero_();
  }
  gradients_present_ = false;
}

int64_t Parameters::bytes() const {
  int64_t bytes = 0;
  for (const Parameter& parameter : all) {
    for (const at::Tensor* tensor :
         {&parameter.value, &parameter.merged, &parameter.grad, &parameter.master, &parameter.exp_avg, &parameter.exp_avg_sq}) {
      const bool counts = tensor->defined() && !(parameter.borrowed && tensor->use_count() > 1);
      if (counts) bytes += static_cast<int64_t>(tensor->nbytes());
    }
  }
  return bytes;
}

Parameters Parameters::frozen_copy(AdapterCopy adapter) const {
  const Guard guard;
  Parameters copy = *this;
  if (adapter == AdapterCopy::off) copy.drop_adapter();
  for (Parameter& parameter : copy.all) {
    const bool shared = !parameter.trainable;
    parameter = {
        .value = shared ? parameter.value : parameter.value.clone(), .merged = parameter.merged, .trainable = false, .borrowed = shared};
  }
  copy.gradients_present_ = false;
  copy.optimizer_step = 0;
  return copy;
}

}  // namespace astarpo
