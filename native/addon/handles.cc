#include "native/addon/handles.h"

namespace astarpo {

void report_memory(Napi::Env env, int64_t& reported, int64_t bytes) {
  if (bytes == reported) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported);
  reported = bytes;
}

void free_on_lane(const Model& model, std::shared_ptr<const void> object) {
  model.lane->post({.owner = nullptr, .abort = nullptr, .run = [object = std::move(object)]() mutable {
                      object.reset();
                      return false;
                    }});
}

void drop_pass(PassState& state) {
  if (std::exchange(state.consumed, true)) return;
  state.model->pass_open = false;
  free_on_lane(*state.model, std::move(state.pass));
}

void forgotten(Napi::Env env, std::shared_ptr<Model> model) {
  report_memory(env, model->reported_bytes, 0);
  if (!model->disposed) {
    model->environment->post([](Napi::Env live) {
      const auto process = live.Global().Get("process").As<Napi::Object>();
      process.Get("emitWarning")
          .As<Napi::Function>()
          .Call(process, {Napi::String::New(live, "astar-po: a model was garbage-collected without dispose()")});
    });
  }
  // Rows that were generating when the environment ended hold calls, and these the model: nothing else would let them go.
  if (!model->environment->closed()) return free_on_lane(*model, model);
  Lane& lane = *model->lane;
  lane.post({.owner = nullptr, .abort = nullptr, .run = [model = std::move(model)]() mutable {
               if (model->engine) model->engine->fail_all("ASTARPO_DISPOSED", "the environment has ended");
               model.reset();
               return false;
             }});
}

void forgotten(Napi::Env env, std::shared_ptr<SequenceState> sequence) {
  report_memory(env, sequence->reported_bytes, 0);
  free_on_lane(*sequence->model, sequence);
}

void forgotten(Napi::Env, std::shared_ptr<PassState> pass) { drop_pass(*pass); }

void forgotten(Napi::Env, std::shared_ptr<RowsState> rows) { free_on_lane(*rows->model, rows); }

}  // namespace astarpo
