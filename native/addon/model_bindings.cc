// newAbort, abort; create, copy, initialise, load, save, inspect and dispose models.
#include <cstring>

#include "native/addon/args.h"
#include "native/addon/bindings.h"
#include "native/addon/guards.h"
#include "native/addon/handles.h"
#include "native/model/tensor_io.h"

namespace astarpo {
namespace {

Napi::Value new_abort(const Napi::CallbackInfo& info) { return wrap(info.Env(), std::make_shared<AbortState>()); }

Napi::Value abort_calls(const Napi::CallbackInfo& info) {
  const auto state = unwrap<AbortState>(info[0], "handle");
  state->set = true;
  for (const auto& known : std::exchange(state->calls, {})) {
    if (const auto call = known.lock()) call->cancel({"ASTARPO_ABORTED", "the call was aborted"});
  }
  return info.Env().Undefined();
}

// --- Creation (lane) ---

std::shared_ptr<Model> make_model(const std::shared_ptr<Environment>& environment, Lane& lane, std::shared_ptr<Decoder> decoder) {
  auto model = std::make_shared<Model>();
  model->environment = environment;
  model->lane = &lane;
  model->config = decoder->config();
  model->options = decoder->options();
  model->tensors = tensor_facts(decoder->parameters());
  model->bytes = decoder->parameters().bytes();
  model->engine = std::make_unique<Engine>(decoder);
  model->decoder = std::move(decoder);
  return model;
}

Napi::Value model_handle(Napi::Env env, std::shared_ptr<Model>& model) {
  auto handle = wrap(env, model);
  report_memory(env, model->reported_bytes, model->bytes);
  return handle;
}

Napi::Value create_model(const Napi::CallbackInfo& info) {
  const DecoderConfig config = read_config(info[0]);
  const ModelOptions options = read_model_options(info[1]);
  const auto call = Call::open(info.Env(), nullptr, nullptr);
  Lane& lane = Lane::of(options.device);
  return perform(
      call, lane,
      [=, environment = call->environment, &lane] { return make_model(environment, lane, std::make_shared<Decoder>(config, options)); },
      model_handle);
}

Napi::Value copy_model(const Napi::CallbackInfo& info) {
  const auto source = unwrap<Model>(info[0], "model");
  const AdapterCopy adapter = read_copy_options(info[1]);
  const auto call = Call::open(info.Env(), source, nullptr);
  return perform(
      call, *source->lane,
      [source, adapter] {
        auto copy = make_model(source->environment, *source->lane, source->live_decoder().frozen_copy(adapter));
        copy->frozen = true;
        copy->version = source->version.load();
        return copy;
      },
      model_handle);
}

// --- Weights ---

Napi::Value tensors(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  auto list = Napi::Array::New(info.Env(), model->tensors.size());
  for (uint32_t i = 0; i < model->tensors.size(); ++i) {
    const TensorFacts& facts = model->tensors[i];
    auto sizes = Napi::Array::New(info.Env(), facts.shape.size());
    for (uint32_t d = 0; d < facts.shape.size(); ++d) sizes.Set(d, static_cast<double>(facts.shape[d]));
    auto tensor = Napi::Object::New(info.Env());
    tensor.Set("name", facts.name);
    tensor.Set("shape", sizes);
    tensor.Set("trainable", facts.trainable);
    tensor.Set("adapter", facts.adapter);
    list.Set(i, tensor);
  }
  return list;
}

Napi::Value init_model(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  const uint64_t seed = read_seed(info[1], "seed");
  const double std = read_number(info[2], "std", 0);
  const double embedding_std = info[3].IsUndefined() ? std : read_number(info[3], "embedding std", 0);
  require_quiet(*model);
  const auto call = Call::open(info.Env(), model, nullptr);
  return perform(
      call, *model->lane,
      [=] {
        Decoder& decoder = model->live_decoder();
        require_quiet_lane(*model);
        ++model->version;
        decoder.parameters().initialize(seed, std, embedding_std);
        return Nothing{};
      },
      undefined);
}

Napi::Value load(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  const TensorGroup group = read_group(info[1]);
  const std::string file = read_path(info[2], "file");
  const auto ranges = read_ranges(info[3]);
  const auto abort = unwrap_abort(info[4]);
  const bool changes_weights = group == TensorGroup::weights || group == TensorGroup::master;
  if (changes_weights) require_quiet(*model);
  const auto call = Call::open(info.Env(), model, abort);
  return perform(
      call, *model->lane,
      [=, flag = call->flag] {
        Decoder& decoder = model->live_decoder();
        if (changes_weights) {
          require_quiet_lane(*model);
          ++model->version;  // first: a load that fails half-way has changed weights too
        }
        load_tensors(decoder.parameters(), group, file, ranges, flag.get());
        model->bytes = decoder.parameters().bytes();
        return Nothing{};
      },
      [model](Napi::Env env, Nothing&) {
        if (!model->disposed) report_memory(env, model->reported_bytes, model->bytes);
        return env.Undefined();
      });
}

Napi::Value save(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  const TensorGroup group = read_group(info[1]);
  const std::string file = read_path(info[2], "file");
  const auto ranges = read_ranges(info[3]);
  const auto call = Call::open(info.Env(), model, unwrap_abort(info[4]));
  return perform(
      call, *model->lane,
      [=, flag = call->flag] {
        save_tensors(model->live_decoder().parameters(), group, file, ranges, flag.get());
        return Nothing{};
      },
      undefined);
}

Napi::Value read(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  const TensorGroup group = read_group(info[1]);
  const std::string name = read_string(info[2], "name");
  constexpr int64_t kMost = int64_t{1} << 53;
  const int64_t begin = info[3].IsUndefined() ? 0 : read_integer(info[3], "begin", 0, kMost);
  const int64_t count = info[4].IsUndefined() ? -1 : read_integer(info[4], "count", 0, kMost);
  const auto call = Call::open(info.Env(), model, nullptr);
  return perform(
      call, *model->lane, [=] { return read_tensor(model->live_decoder().parameters(), group, name, begin, count); },
      [](Napi::Env env, const std::vector<float>& values) { return to_float32s(env, values); });
}

// --- Counters ---

Napi::Value optimizer_step_count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(unwrap<Model>(info[0], "model")->optimizer_steps));
}

Napi::Value set_optimizer_step_count(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  const int64_t count = read_integer(info[1], "count", 0, int64_t{1} << 53);
  model->optimizer_steps = count;
  model->lane->post({.owner = model->environment.get(), .abort = nullptr, .run = [=] {
                       if (model->decoder) model->decoder->parameters().optimizer_step = count;
                       model->optimizer_steps = count;
                       return false;
                     }});
  return info.Env().Undefined();
}

Napi::Value weights_version(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(unwrap<Model>(info[0], "model")->version));
}

// --- End ---

// Caches that go with the model; the handles of its sequences stay, as disposed ones.
std::vector<std::shared_ptr<Sequence>> take_sequences(Napi::Env env, Model& model) {
  std::vector<std::shared_ptr<Sequence>> taken;
  for (const auto& known : std::exchange(model.sequences, {})) {
    const auto state = known.lock();
    if (!state || std::exchange(state->disposed, true)) continue;
    report_memory(env, state->reported_bytes, 0);
    taken.push_back(std::move(state->sequence));
  }
  return taken;
}

Napi::Value dispose_model(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto model = unwrap_any<Model>(info[0], "model");
  if (!std::exchange(model->disposed, true)) {
    for (const auto& pending : model->environment->pending()) {
      if (pending->model == model) pending->cancel({"ASTARPO_DISPOSED", "the model was disposed while the call was waiting"});
    }
    model->interrupt->set();
    if (const auto pass = model->pass.lock()) {
      pass->disposed = true;
      drop_pass(*pass);
    }
    for (const auto& known : std::exchange(model->rows, {})) {
      const auto rows = known.lock();
      if (!rows || std::exchange(rows->disposed, true)) continue;
      free_on_lane(*model, std::move(rows->rows));
    }
    for (auto& sequence : take_sequences(env, *model)) free_on_lane(*model, std::move(sequence));
    report_memory(env, model->reported_bytes, 0);
  }
  // First in, first out: everything that was queued for the model has ended when this runs.
  const auto call = Call::open(env, model, nullptr);
  return perform(
      call, *model->lane,
      [model] {
        if (model->engine) model->engine->fail_all("ASTARPO_ABORTED", "the model was disposed");
        model->engine.reset();
        model->decoder.reset();
        return Nothing{};
      },
      undefined);
}

}  // namespace

void register_model_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("newAbort", Napi::Function::New<throwing<new_abort>>(env, "newAbort"));
  exports.Set("abort", Napi::Function::New<throwing<abort_calls>>(env, "abort"));
  exports.Set("createModel", Napi::Function::New<rejecting<create_model>>(env, "createModel"));
  exports.Set("copyModel", Napi::Function::New<rejecting<copy_model>>(env, "copyModel"));
  exports.Set("tensors", Napi::Function::New<throwing<tensors>>(env, "tensors"));
  exports.Set("initModel", Napi::Function::New<rejecting<init_model>>(env, "initModel"));
  exports.Set("loadTensors", Napi::Function::New<rejecting<load>>(env, "loadTensors"));
  exports.Set("saveTensors", Napi::Function::New<rejecting<save>>(env, "saveTensors"));
  exports.Set("readTensor", Napi::Function::New<rejecting<read>>(env, "readTensor"));
  exports.Set("optimizerStepCount", Napi::Function::New<throwing<optimizer_step_count>>(env, "optimizerStepCount"));
  exports.Set("setOptimizerStepCount", Napi::Function::New<throwing<set_optimizer_step_count>>(env, "setOptimizerStepCount"));
  exports.Set("weightsVersion", Napi::Function::New<throwing<weights_version>>(env, "weightsVersion"));
  exports.Set("disposeModel", Napi::Function::New<rejecting<dispose_model>>(env, "disposeModel"));
}

}  // namespace astarpo
