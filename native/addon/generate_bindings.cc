// Sequences and generation.
#include "native/addon/args.h"
#include "native/addon/bindings.h"
#include "native/addon/handles.h"

namespace astarpo {
namespace {

std::shared_ptr<SequenceState> add_sequence(const std::shared_ptr<Model>& model) {
  auto state = std::make_shared<SequenceState>();
  state->model = model;
  state->sequence = std::make_shared<Sequence>();
  auto& known = model->sequences;
  if (known.size() == known.capacity()) std::erase_if(known, [](const auto& other) { return other.expired(); });
  known.push_back(state);
  return state;
}

std::shared_ptr<SequenceState> idle_sequence(const Napi::Value& value) {
  auto state = unwrap<SequenceState>(value, "sequence");
  if (state->busy) throw Error("ASTARPO_BUSY", "expected an idle sequence, got one that is generating");
  return state;
}

Napi::Value create_sequence(const Napi::CallbackInfo& info) { return wrap(info.Env(), add_sequence(unwrap<Model>(info[0], "model"))); }

Napi::Value extend_sequence(const Napi::CallbackInfo& info) {
  const auto state = idle_sequence(info[0]);
  const auto tokens = read_int32s(info[1], "tokens");
  const int64_t vocab = state->model->config.vocab_size;
  for (const int32_t id : tokens) {
    if (id < 0 || id >= vocab)
      throw Error("ASTARPO_TOKEN_RANGE", "tokens: expected ids below " + std::to_string(vocab) + ", got " + std::to_string(id));
  }
  auto& all = state->sequence->tokens;
  all.insert(all.end(), tokens.begin(), tokens.end());
  return info.Env().Undefined();
}

void measure_cache(const Model& model, const Sequence& sequence, std::atomic<int64_t>& bytes) {  // lane
  const DecoderConfig& config = model.config;
  bytes = 2 * config.layers * sequence.cache.capacity * config.kv_heads * config.head_dim *
          static_cast<int64_t>(c10::elementSize(model.options.dtype));
}

Napi::Value fork_sequence(const Napi::CallbackInfo& info) {
  const auto source = idle_sequence(info[0]);
  const auto fork = add_sequence(source->model);
  fork->sequence->tokens = source->sequence->tokens;
  // The lane owns caches. It gets to this before anything that is asked of either sequence later.
  const auto model = source->model;
  model->lane->post({.owner = model->environment.get(),
                     .abort = nullptr,
                     .run = [model, from = source->sequence, to = fork->sequence, bytes = fork->cache_bytes] {
                       try {
                         to->cache = from->cache.clone();
                         to->cache_version = from->cache_version;
                         measure_cache(*model, *to, *bytes);
                       } catch (const std::exception&) {
                         // Out of memory for a copy: the fork has its tokens and computes its keys again when it is used, where
                         // memory that is still short has a promise to reject.
                         to->cache = {};
                       }
                       return false;
                     }});
  return wrap(info.Env(), fork);
}

Napi::Value sequence_tokens(const Napi::CallbackInfo& info) { return to_int32s(info.Env(), idle_sequence(info[0])->sequence->tokens); }

Napi::Value release_sequence(const Napi::CallbackInfo& info) {
  const auto state = unwrap_any<SequenceState>(info[0], "sequence");
  if (std::exchange(state->disposed, true)) return info.Env().Undefined();
  if (const auto call = state->call.lock()) call->cancel({"ASTARPO_DISPOSED", "the sequence was released while it was generating"});
  report_memory(info.Env(), state->reported_bytes, 0);
  free_on_lane(*state->model, std::move(state->sequence));
  return info.Env().Undefined();
}

// --- Generation ---

const char* finish_name(Finish finish) {
  switch (finish) {
    case Finish::stop:
      return "stop";
    case Finish::length:
      return "length";
    case Finish::context:
      return "context";
  }
  throw Error("ASTARPO_INTERNAL", "unknown finish reason");
}

Napi::Value to_result(Napi::Env env, const GenerateResult& result) {
  auto object = Napi::Object::New(env);
  object.Set("tokens", to_int32s(env, result.tokens));
  object.Set("logps", to_float32s(env, result.logp));
  object.Set("finish", finish_name(result.finish));
  object.Set("version", static_cast<double>(result.version));
  return object;
}

// One job of the lane: a token for every live row, then whatever else is queued, then the next.
bool token_step(Model& model) {
  bool more = false;
  if (model.engine) {
    try {
      more = model.engine->step(model.version, model.interrupt.get());
    } catch (...) {
      const Failure failure = current_failure();
      model.engine->fail_all(failure.code, failure.message);
    }
  }
  model.stepping = more;
  return more;
}

void start_stepping(const std::shared_ptr<Model>& model) {
  if (std::exchange(model->stepping, true)) return;
  model->lane->post({.owner = model->environment.get(), .abort = model->interrupt, .run = [model] { return token_step(*model); }});
}

Engine::Callbacks make_callbacks(const std::shared_ptr<Call>& call, const std::shared_ptr<SequenceState>& state,
                                 std::shared_ptr<Sequence> sequence, bool stream) {
  Engine::Callbacks callbacks;
  callbacks.done = [call, sequence = std::move(sequence), bytes = state->cache_bytes](GenerateResult result) {
    measure_cache(*call->model, *sequence, *bytes);
    call->resolve([result = std::move(result)](Napi::Env env) { return to_result(env, result); });
  };
  callbacks.failed = [call](std::string code, std::string message) { call->reject({std::move(code), std::move(message)}); };
  if (!stream) return callbacks;
  callbacks.token = [call](int32_t token, float logp) {
    call->environment->post([call, token, logp](Napi::Env env) {
      if (call->on_token.IsEmpty()) return;
      try {
        call->on_token.Call({Napi::Number::New(env, token), Napi::Number::New(env, logp)});
      } catch (const Napi::Error& error) {
        call->fail_with(error);
      }
    });
  };
  return callbacks;
}

Napi::Value generate(const Napi::CallbackInfo& info) {
  const auto state = idle_sequence(info[0]);
  GenerateRequest request = read_request(info[1]);
  const Napi::Value on_token = info[1].As<Napi::Object>().Get("onToken");
  if (!on_token.IsUndefined() && !on_token.IsFunction()) wrong_argument("request.onToken", "a function", on_token);
  const auto abort = unwrap_abort(info[2]);
  const auto model = state->model;
  const auto call = Call::open(info.Env(), model, abort);
  if (on_token.IsFunction()) call->on_token = Napi::Persistent(on_token.As<Napi::Function>());

  state->busy = true;
  state->call = call;
  ++model->generating;
  call->settled = [state](Napi::Env env) {
    state->busy = false;
    --state->model->generating;
    if (!state->disposed) report_memory(env, state->reported_bytes, *state->cache_bytes);
  };
  request.sequence = state->sequence;
  auto callbacks = make_callbacks(call, state, state->sequence, on_token.IsFunction());
  model->lane->post({.owner = model->environment.get(),
                     .abort = call->flag,
                     .run = [call, model, request = std::move(request), callbacks = std::move(callbacks)]() mutable {
                       try {
                         call->flag->check();
                         model->live_decoder();
                         model->engine->submit(std::move(request), call->flag, std::move(callbacks));
                         start_stepping(model);
                       } catch (...) {
                         call->reject(current_failure());
                       }
                       return false;
                     }});
  return call->promise();
}

}  // namespace

void register_generate_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("createSequence", Napi::Function::New<throwing<create_sequence>>(env, "createSequence"));
  exports.Set("extendSequence", Napi::Function::New<throwing<extend_sequence>>(env, "extendSequence"));
  exports.Set("forkSequence", Napi::Function::New<throwing<fork_sequence>>(env, "forkSequence"));
  exports.Set("sequenceTokens", Napi::Function::New<throwing<sequence_tokens>>(env, "sequenceTokens"));
  exports.Set("releaseSequence", Napi::Function::New<throwing<release_sequence>>(env, "releaseSequence"));
  exports.Set("generate", Napi::Function::New<rejecting<generate>>(env, "generate"));
}

}  // namespace astarpo
