// JS values as plain C++ structs: read, checked and copied on the JS thread before a call returns. Every function throws
// ASTARPO_ARGUMENT naming the argument, what was expected and what came.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "native/addon/setup.h"
#include "native/engine/engine.h"
#include "native/model/config.h"
#include "native/model/parameters.h"
#include "native/model/tensor_io.h"
#include "native/train/optimizer.h"
#include "native/train/pass.h"

namespace astarpo {

[[noreturn]] void wrong_argument(const std::string& name, const std::string& expected, const Napi::Value& value);

double read_number(const Napi::Value& value, const std::string& name);  // finite
double read_number(const Napi::Value& value, const std::string& name, double least);
double read_fraction(const Napi::Value& value, const std::string& name);  // 0 <= x < 1
int64_t read_integer(const Napi::Value& value, const std::string& name, int64_t least, int64_t most);
bool read_boolean(const Napi::Value& value, const std::string& name);
std::string read_string(const Napi::Value& value, const std::string& name);
std::string read_path(const Napi::Value& value, const std::string& name);  // not empty, without NUL characters
uint64_t read_seed(const Napi::Value& value, const std::string& name);     // bigint from 0 to 2⁶⁴ − 1
Napi::Object read_object(const Napi::Value& value, const std::string& name);

std::vector<int32_t> read_int32s(const Napi::Value& value, const std::string& name);
std::vector<uint8_t> read_uint8s(const Napi::Value& value, const std::string& name);
std::vector<float> read_float32s(const Napi::Value& value, const std::string& name);
std::vector<double> read_float64s(const Napi::Value& value, const std::string& name);

Napi::Value to_int32s(Napi::Env env, const std::vector<int32_t>& values);
Napi::Value to_float32s(Napi::Env env, const std::vector<float>& values);

DecoderConfig read_config(const Napi::Value& value);
// Throws ASTARPO_DEVICE when the device is not there.
ModelOptions read_model_options(const Napi::Value& value);
c10::Device read_device(const Napi::Value& value, const std::string& name);
TensorGroup read_group(const Napi::Value& value);
std::vector<TensorRange> read_ranges(const Napi::Value& value);
std::vector<AdapterModule> read_adapter_modules(const Napi::Value& value);
AdapterOptions read_adapter_options(const Napi::Value& value);
AdapterCopy read_copy_options(const Napi::Value& value);
// Throws ASTARPO_BATCH when the batch does not fit the model.
PackedBatch read_batch(const Napi::Value& value, const DecoderConfig& config);
// Throws ASTARPO_NON_FINITE. `kl` and `entropy`: whether the pass computed them.
RowGradients read_gradients(const Napi::Value& value, size_t rows, bool kl, bool entropy);
StepOptions read_step_options(const Napi::Value& value);
// All but the sequence; ranges of the sampling options are checked by the engine.
GenerateRequest read_request(const Napi::Value& value);

}  // namespace astarpo
