// score, logits, rows, forward, backward, step.
#include "native/addon/args.h"
#include "native/addon/bindings.h"
#include "native/addon/guards.h"
#include "native/addon/handles.h"
#include "native/train/optimizer.h"
#include "native/train/pass.h"
#include "native/train/row_logits.h"

namespace astarpo {
namespace {

Napi::Value score(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  auto batch = read_batch(info[1], model->config);
  const auto call = Call::open(info.Env(), model, unwrap_abort(info[2]));
  return perform(
      call, *model->lane,
      [=, flag = call->flag, batch = std::move(batch)] { return forward(model->live_decoder(), batch, {}, flag.get()).logp; },
      [](Napi::Env env, const std::vector<float>& logp) { return to_float32s(env, logp); });
}

Napi::Value logits(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  auto batch = read_batch(info[1], model->config);
  const auto call = Call::open(info.Env(), model, unwrap_abort(info[2]));
  return perform(
      call, *model->lane,
      [=, flag = call->flag, batch = std::move(batch)] {
        model->live_decoder();
        return row_logits(model->decoder, batch, flag.get());
      },
      [](Napi::Env env, const std::vector<float>& values) { return to_float32s(env, values); });
}

// --- Rows of a reference ---

Napi::Value rows(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  auto batch = read_batch(info[1], model->config);
  const auto call = Call::open(info.Env(), model, unwrap_abort(info[2]));
  return perform(
      call, *model->lane,
      [=, flag = call->flag, batch = std::move(batch)] {
        model->live_decoder();
        RowsState state;
        state.model = model;
        state.version = model->version;
        state.rows = reference_rows(model->decoder, batch, flag.get());
        return state;
      },
      [](Napi::Env env, RowsState& made) {
        const auto state = std::make_shared<RowsState>(std::move(made));
        state->disposed = state->model->disposed;
        auto& known = state->model->rows;
        if (known.size() == known.capacity()) std::erase_if(known, [](const auto& other) { return other.expired(); });
        known.push_back(state);
        auto result = Napi::Object::New(env);
        result.Set("rows", wrap(env, state));
        result.Set("logp", to_float32s(env, state->rows->logp));
        if (state->disposed) free_on_lane(*state->model, std::move(state->rows));  // with its model, meanwhile
        return result;
      });
}

Napi::Value release_rows(const Napi::CallbackInfo& info) {
  const auto state = unwrap_any<RowsState>(info[0], "rows");
  if (!std::exchange(state->disposed, true)) free_on_lane(*state->model, std::move(state->rows));
  return info.Env().Undefined();
}

// --- The two-call update ---

struct Reference {
  std::shared_ptr<Model> model;
  uint64_t version = 0;
};

Reference read_reference(const Napi::Object& options, const Model& model, size_t batch_rows, ForwardOptions& forward_options) {
  const Napi::Value handle = options.Get("rows");
  if (handle.IsUndefined()) return {};
  const auto state = unwrap<RowsState>(handle, "options.rows");
  const auto available = static_cast<int64_t>(state->rows->logp.size());
  const Napi::Value begin = options.Get("rowsBegin");
  forward_options.reference_begin = begin.IsUndefined() ? 0 : read_integer(begin, "options.rowsBegin", 0, available);
  if (forward_options.reference_begin + static_cast<int64_t>(batch_rows) > available) {
    throw Error("ASTARPO_BATCH", "options.rows: expected " + std::to_string(batch_rows) + " rows from " +
                                     std::to_string(forward_options.reference_begin) + " on, got " + std::to_string(available) + " in all");
  }
  if (state->model->config.vocab_size != model.config.vocab_size) {
    throw Error("ASTARPO_ARGUMENT", "options.rows: expected rows of a model with the same vocabulary of " +
                                        std::to_string(model.config.vocab_size) + ", got " +
                                        std::to_string(state->model->config.vocab_size));
  }
  if (state->model->lane != model.lane)
    throw Error("ASTARPO_ARGUMENT", "options.rows: expected rows on the model's device, got rows on another");
  forward_options.reference = state->rows;
  return {state->model, state->version};
}

Napi::Value to_pass(Napi::Env env, const std::shared_ptr<Model>& model, ForwardResult& result) {
  const auto state = std::make_shared<PassState>();
  state->model = model;
  state->pass = std::move(result.pass);
  state->rows = result.logp.size();
  model->pass_open = true;
  model->pass = state;
  state->disposed = model->disposed;
  if (state->disposed) drop_pass(*state);
  auto object = Napi::Object::New(env);
  object.Set("pass", wrap(env, state));
  object.Set("logp", to_float32s(env, result.logp));
  return object;
}

Napi::Value forward_pass(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  require_trainable(*model);
  auto batch = read_batch(info[1], model->config);
  const auto given = read_object(info[2], "options");
  ForwardOptions options;
  options.keep_graph = true;
  const Reference reference = read_reference(given, *model, static_cast<size_t>(batch.rows()), options);
  const Napi::Value entropy = given.Get("entropy");
  options.entropy = !entropy.IsUndefined() && read_boolean(entropy, "options.entropy");
  const Napi::Value dropout_seed = given.Get("dropoutSeed");
  if (!dropout_seed.IsUndefined()) options.dropout_seed = read_seed(dropout_seed, "options.dropoutSeed");
  const auto abort = unwrap_abort(info[3]);
  if (model->pass_open) throw Error("ASTARPO_OPEN_PASS", "expected no open pass, got one: use it in backward or drop it");

  const auto call = Call::open(info.Env(), model, abort);
  model->pass_open = true;
  call->settled = [model](Napi::Env) { model->pass_open = false; };  // open again when it went well
  return perform(
      call, *model->lane,
      [=, flag = call->flag, batch = std::move(batch)] {
        Decoder& decoder = model->live_decoder();
        if (!model->live_pass.expired()) throw Error("ASTARPO_OPEN_PASS", "expected no open pass, got one");
        if (reference.model && reference.model->version != reference.version) {
          throw Error("ASTARPO_STALE", "options.rows: expected rows of the reference's present weights, got rows of earlier ones");
        }
        ForwardResult result = forward(decoder, batch, options, flag.get());
        model->live_pass = result.pass;
        return result;
      },
      [model, kl = options.reference != nullptr, entropy = options.entropy](Napi::Env env, ForwardResult& result) -> Napi::Value {
        auto object = to_pass(env, model, result).As<Napi::Object>();
        const auto state = model->pass.lock();
        state->kl = kl;
        state->entropy = entropy;
        if (kl) object.Set("kl", to_float32s(env, result.kl));
        if (entropy) object.Set("entropy", to_float32s(env, result.entropy));
        return object;
      });
}

Napi::Value backward_pass(const Napi::CallbackInfo& info) {
  const auto state = unwrap<PassState>(info[0], "pass");
  const auto model = state->model;
  if (state->consumed) throw Error("ASTARPO_PASS_CONSUMED", "expected an open pass, got one that a backward used or that was dropped");
  auto gradients = read_gradients(info[1], state->rows, state->kl, state->entropy);
  const auto call = Call::open(info.Env(), model, unwrap_abort(info[2]));
  state->consumed = true;
  call->settled = [model](Napi::Env) { model->pass_open = false; };
  return perform(
      call, *model->lane,
      [=, flag = call->flag, gradients = std::move(gradients), pass = std::move(state->pass)]() mutable {
        Decoder& decoder = model->live_decoder();
        backward(decoder, std::move(pass), gradients, flag.get());
        model->bytes = decoder.parameters().bytes();
        return Nothing{};
      },
      [model](Napi::Env env, Nothing&) {
        if (!model->disposed) report_memory(env, model->reported_bytes, model->bytes);
        return env.Undefined();
      });
}

Napi::Value drop(const Napi::CallbackInfo& info) {
  drop_pass(*unwrap_any<PassState>(info[0], "pass"));
  return info.Env().Undefined();
}

Napi::Value step(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  require_trainable(*model);
  const StepOptions options = read_step_options(info[1]);
  require_quiet(*model);
  const auto call = Call::open(info.Env(), model, nullptr);
  return perform(
      call, *model->lane,
      [=] {
        Decoder& decoder = model->live_decoder();
        require_quiet_lane(*model);
        const StepResult result = optimizer_step(decoder.parameters(), options);
        if (!result.skipped) ++model->version;
        model->optimizer_steps = decoder.parameters().optimizer_step;
        model->bytes = decoder.parameters().bytes();
        return result;
      },
      [model](Napi::Env env, const StepResult& result) {
        if (!model->disposed) report_memory(env, model->reported_bytes, model->bytes);
        auto object = Napi::Object::New(env);
        object.Set("gradNorm", result.grad_norm);
        object.Set("skipped", result.skipped);
        return object;
      });
}

Napi::Value discard_gradients(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  const auto call = Call::open(info.Env(), model, nullptr);
  return perform(
      call, *model->lane,
      [model] {
        model->live_decoder().parameters().clear_gradients();
        return Nothing{};
      },
      undefined);
}

}  // namespace

void register_train_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("score", Napi::Function::New<rejecting<score>>(env, "score"));
  exports.Set("logits", Napi::Function::New<rejecting<logits>>(env, "logits"));
  exports.Set("rows", Napi::Function::New<rejecting<rows>>(env, "rows"));
  exports.Set("releaseRows", Napi::Function::New<throwing<release_rows>>(env, "releaseRows"));
  exports.Set("forward", Napi::Function::New<rejecting<forward_pass>>(env, "forward"));
  exports.Set("backward", Napi::Function::New<rejecting<backward_pass>>(env, "backward"));
  exports.Set("dropPass", Napi::Function::New<throwing<drop>>(env, "dropPass"));
  exports.Set("step", Napi::Function::New<rejecting<step>>(env, "step"));
  exports.Set("discardGradients", Napi::Function::New<rejecting<discard_gradients>>(env, "discardGradients"));
}

}  // namespace astarpo
