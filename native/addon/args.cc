#include "native/addon/args.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <ATen/detail/CUDAHooksInterface.h>

namespace astarpo {
namespace {

constexpr int64_t kLargestInteger = (int64_t{1} << 53) - 1;  // that a JS number holds exactly

std::string describe(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_number:
      return "the number " + value.ToString().Utf8Value();
    case napi_bigint:
      return "a bigint";
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_external:
      return "an external";
    case napi_string: {
      const std::string text = value.As<Napi::String>().Utf8Value();
      return "the string '" + (text.size() > 60 ? text.substr(0, 60) + "…" : text) + "'";
    }
    case napi_object:
      break;
  }
  if (value.IsTypedArray()) return "a typed array of another type";
  return value.IsArray() ? "an array" : "an object";
}

template <class T>
std::vector<T> copy_elements(const Napi::Value& value, const std::string& name, napi_typedarray_type type, const char* expected) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) wrong_argument(name, expected, value);
  const auto array = value.As<Napi::TypedArrayOf<T>>();
  // A detached array reads as empty.
  return array.ElementLength() == 0 ? std::vector<T>() : std::vector<T>(array.Data(), array.Data() + array.ElementLength());
}

// Reads the fields of one options object, so that messages say 'options.lr'.
class Fields {
 public:
  Fields(const Napi::Value& value, std::string name) : object_(read_object(value, name)), name_(std::move(name)) {}

  Napi::Value get(const char* field) const { return object_.Get(field); }
  std::string name(const char* field) const { return name_ + "." + field; }
  double number(const char* field) const { return read_number(get(field), name(field)); }
  double number(const char* field, double least) const { return read_number(get(field), name(field), least); }
  double fraction(const char* field) const { return read_fraction(get(field), name(field)); }
  int64_t integer(const char* field, int64_t least, int64_t most) const { return read_integer(get(field), name(field), least, most); }
  bool boolean(const char* field) const { return read_boolean(get(field), name(field)); }
  std::string string(const char* field) const { return read_string(get(field), name(field)); }

 private:
  Napi::Object object_;
  std::string name_;
};

std::vector<double> read_row_gradients(const Napi::Value& value, const std::string& name, size_t rows) {
  auto gradients = read_float64s(value, name);
  if (gradients.size() != rows) {
    throw Error("ASTARPO_ARGUMENT",
                name + ": expected " + std::to_string(rows) + " numbers, one per row of the pass, got " + std::to_string(gradients.size()));
  }
  const auto bad = std::find_if(gradients.begin(), gradients.end(), [](double g) { return !std::isfinite(g); });
  if (bad != gradients.end()) {
    throw Error("ASTARPO_NON_FINITE",
                name + ": expected finite numbers, got " + std::to_string(*bad) + " at row " + std::to_string(bad - gradients.begin()));
  }
  return gradients;
}

}  // namespace

void wrong_argument(const std::string& name, const std::string& expected, const Napi::Value& value) {
  throw Error("ASTARPO_ARGUMENT", name + ": expected " + expected + ", got " + describe(value));
}

double read_number(const Napi::Value& value, const std::string& name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!std::isfinite(number)) wrong_argument(name, "a finite number", value);
  return number;
}

double read_number(const Napi::Value& value, const std::string& name, double least) {
  const double number = read_number(value, name);
  if (number < least) wrong_argument(name, "a number of at least " + Napi::Number::New(value.Env(), least).ToString().Utf8Value(), value);
  return number;
}

double read_fraction(const Napi::Value& value, const std::string& name) {
  const double number = read_number(value, name);
  if (!(number >= 0 && number < 1)) wrong_argument(name, "a number from 0 to below 1", value);
  return number;
}

int64_t read_integer(const Napi::Value& value, const std::string& name, int64_t least, int64_t most) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(std::floor(number) == number && number >= static_cast<double>(least) && number <= static_cast<double>(most))) {
    wrong_argument(name, "an integer from " + std::to_string(least) + " to " + std::to_string(most), value);
  }
  return static_cast<int64_t>(number);
}

bool read_boolean(const Napi::Value& value, const std::string& name) {
  if (!value.IsBoolean()) wrong_argument(name, "a boolean", value);
  return value.As<Napi::Boolean>().Value();
}

std::string read_string(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) wrong_argument(name, "a string", value);
  return value.As<Napi::String>().Utf8Value();
}

std::string read_path(const Napi::Value& value, const std::string& name) {
  std::string path = read_string(value, name);
  if (path.empty() || path.find('\0') != std::string::npos) wrong_argument(name, "a path", value);
  return path;
}

uint64_t read_seed(const Napi::Value& value, const std::string& name) {
  bool lossless = false;
  const uint64_t seed = value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
  if (!lossless) wrong_argument(name, "a bigint from 0n to 2n ** 64n - 1n", value);
  return seed;
}

Napi::Object read_object(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject() || value.IsFunction()) wrong_argument(name, "an object", value);
  return value.As<Napi::Object>();
}

std::vector<int32_t> read_int32s(const Napi::Value& value, const std::string& name) {
  return copy_elements<int32_t>(value, name, napi_int32_array, "an Int32Array");
}
std::vector<uint8_t> read_uint8s(const Napi::Value& value, const std::string& name) {
  return copy_elements<uint8_t>(value, name, napi_uint8_array, "a Uint8Array");
}
std::vector<float> read_float32s(const Napi::Value& value, const std::string& name) {
  return copy_elements<float>(value, name, napi_float32_array, "a Float32Array");
}
std::vector<double> read_float64s(const Napi::Value& value, const std::string& name) {
  return copy_elements<double>(value, name, napi_float64_array, "a Float64Array");
}

Napi::Value to_int32s(Napi::Env env, const std::vector<int32_t>& values) {
  auto array = Napi::Int32Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(int32_t));
  return array;
}

Napi::Value to_float32s(Napi::Env env, const std::vector<float>& values) {
  auto array = Napi::Float32Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(float));
  return array;
}

DecoderConfig read_config(const Napi::Value& value) {
  const Fields fields(value, "config");
  const auto count = [&](const char* field) { return fields.integer(field, 1, std::numeric_limits<int32_t>::max()); };
  const int64_t vocab_size = count("vocabSize");
  const bool padded = !fields.get("paddingTokenId").IsUndefined();
  return {.vocab_size = vocab_size,
          .hidden_size = count("hiddenSize"),
          .intermediate_size = count("intermediateSize"),
          .layers = count("layers"),
          .heads = count("heads"),
          .kv_heads = count("kvHeads"),
          .head_dim = count("headDim"),
          .max_positions = count("maxPositions"),
          .rms_norm_eps = fields.number("rmsNormEps"),
          .rope_frequencies = read_float32s(fields.get("ropeFrequencies"), fields.name("ropeFrequencies")),
          .rope_scale = fields.number("ropeScale"),
          .qkv_bias = fields.boolean("qkvBias"),
          .o_bias = fields.boolean("outputBias"),
          .mlp_bias = fields.boolean("mlpBias"),
          .qk_norm = fields.boolean("qkNorm"),
          .windows = read_int32s(fields.get("windows"), fields.name("windows")),
          .tied_head = fields.boolean("tiedHead"),
          .padding_id = padded ? fields.integer("paddingTokenId", 0, vocab_size - 1) : -1};
}

c10::Device read_device(const Napi::Value& value, const std::string& name) {
  const std::string text = read_string(value, name);
  if (text == "cpu") return c10::kCPU;
  int64_t index = 0;
  if (text.starts_with("cuda:") && text.size() > 5 && text.size() <= 8 &&
      std::all_of(text.begin() + 5, text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    index = std::stoll(text.substr(5));
  } else if (text != "cuda") {
    wrong_argument(name, "'cpu', 'cuda' or 'cuda:N'", value);
  }
  const at::CUDAHooksInterface& cuda = at::detail::getCUDAHooks();
  const int64_t devices = cuda.hasCUDA() ? cuda.deviceCount() : 0;
  if (index >= devices) {
    throw Error("ASTARPO_DEVICE", name + ": expected a device that libtorch can use, got '" + text + "', but it has " +
                                      std::to_string(devices) + " CUDA devices");
  }
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

ModelOptions read_model_options(const Napi::Value& value) {
  const Fields fields(value, "options");
  const Napi::Value dtype = fields.get("dtype");
  const std::string name = read_string(dtype, "options.dtype");
  if (name != "float32" && name != "bfloat16") wrong_argument("options.dtype", "'float32' or 'bfloat16'", dtype);
  return {.device = read_device(fields.get("device"), "options.device"),
          .dtype = name == "float32" ? c10::kFloat : c10::kBFloat16,
          .reproducible = fields.boolean("reproducible")};
}

TensorGroup read_group(const Napi::Value& value) {
  const std::string name = read_string(value, "group");
  if (name == "weights") return TensorGroup::weights;
  if (name == "master") return TensorGroup::master;
  if (name == "exp_avg") return TensorGroup::exp_avg;
  if (name == "exp_avg_sq") return TensorGroup::exp_avg_sq;
  if (name == "gradient") return TensorGroup::gradient;
  if (name == "merged") return TensorGroup::merged;
  wrong_argument("group", "'weights', 'master', 'exp_avg', 'exp_avg_sq', 'gradient' or 'merged'", value);
}

std::vector<TensorRange> read_ranges(const Napi::Value& value) {
  if (!value.IsArray()) wrong_argument("ranges", "an array", value);
  const auto array = value.As<Napi::Array>();
  std::vector<TensorRange> ranges;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Fields fields(array.Get(i), "ranges[" + std::to_string(i) + "]");
    const std::string dtype = fields.string("dtype");
    if (dtype != "F32" && dtype != "BF16" && dtype != "F16")
      wrong_argument(fields.name("dtype"), "'F32', 'BF16' or 'F16'", fields.get("dtype"));
    ranges.push_back({.name = fields.string("name"),
                      .kind = dtype == "F32"    ? StoredKind::f32
                              : dtype == "BF16" ? StoredKind::bf16
                                                : StoredKind::f16,
                      .offset = fields.integer("offset", 0, kLargestInteger),
                      .length = fields.integer("length", 0, kLargestInteger)});
  }
  return ranges;
}

std::vector<AdapterModule> read_adapter_modules(const Napi::Value& value) {
  if (!value.IsArray()) wrong_argument("modules", "an array", value);
  const auto array = value.As<Napi::Array>();
  std::vector<AdapterModule> modules;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Fields fields(array.Get(i), "modules[" + std::to_string(i) + "]");
    modules.push_back({.module = fields.string("module"),
                       .rank = fields.integer("rank", 1, std::numeric_limits<int32_t>::max()),
                       .scale = fields.number("scale")});
  }
  return modules;
}

AdapterOptions read_adapter_options(const Napi::Value& value) {
  const Fields fields(value, "options");
  return {.seed = read_seed(fields.get("seed"), "options.seed"), .dropout = fields.fraction("dropout")};
}

AdapterCopy read_copy_options(const Napi::Value& value) {
  if (value.IsUndefined()) return AdapterCopy::copy;
  const Fields fields(value, "options");
  const std::string adapter = fields.string("adapter");
  if (adapter == "copy") return AdapterCopy::copy;
  if (adapter == "off") return AdapterCopy::off;
  wrong_argument("options.adapter", "'copy' or 'off'", fields.get("adapter"));
}

PackedBatch read_batch(const Napi::Value& value, const DecoderConfig& config) {
  const Fields fields(value, "batch");
  PackedBatch batch{.tokens = read_int32s(fields.get("tokens"), "batch.tokens"),
                    .offsets = read_int32s(fields.get("offsets"), "batch.offsets"),
                    .mask = read_uint8s(fields.get("mask"), "batch.mask"),
                    .temperature = read_float32s(fields.get("temperature"), "batch.temperature")};
  batch.check(config);
  return batch;
}

RowGradients read_gradients(const Napi::Value& value, size_t rows, bool kl, bool entropy) {
  const Fields fields(value, "gradients");
  const auto optional = [&](const char* field, bool computed) -> std::vector<double> {
    const Napi::Value given = fields.get(field);
    if (given.IsUndefined()) return {};
    if (!computed) throw Error("ASTARPO_ARGUMENT", fields.name(field) + ": expected none, because the pass did not compute " + field);
    return read_row_gradients(given, fields.name(field), rows);
  };
  return {.logp = read_row_gradients(fields.get("logp"), "gradients.logp", rows),
          .kl = optional("kl", kl),
          .entropy = optional("entropy", entropy)};
}

StepOptions read_step_options(const Napi::Value& value) {
  const Fields fields(value, "options");
  return {.lr = fields.number("lr", 0),
          .beta1 = fields.fraction("beta1"),
          .beta2 = fields.fraction("beta2"),
          .eps = fields.number("eps", 0),
          .weight_decay = fields.number("weightDecay", 0),
          .clip = fields.number("clip", 0)};
}

GenerateRequest read_request(const Napi::Value& value) {
  const Fields fields(value, "request");
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  GenerateRequest request;
  request.max_tokens = fields.integer("maxTokens", 1, kMost);
  request.temperature = static_cast<float>(fields.number("temperature"));
  request.top_p = static_cast<float>(fields.number("topP"));
  request.top_k = static_cast<int32_t>(fields.integer("topK", 0, kMost));
  request.min_p = static_cast<float>(fields.number("minP"));
  request.greedy = fields.boolean("greedy");
  request.stop_ids = read_int32s(fields.get("stopIds"), "request.stopIds");
  request.seed = read_seed(fields.get("seed"), "request.seed");
  return request;
}

}  // namespace astarpo
