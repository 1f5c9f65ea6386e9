// addAdapter, mergeAdapter, unmergeAdapter.
#include "native/addon/args.h"
#include "native/addon/bindings.h"
#include "native/addon/guards.h"
#include "native/addon/handles.h"

namespace astarpo {
namespace {

// Posts `change(parameters)`, which counts as a change of the weights when it succeeds.
template <class Change>
Napi::Value change_adapter(Napi::Env env, const std::shared_ptr<Model>& model, Change change) {
  require_quiet(*model);
  const auto call = Call::open(env, model, nullptr);
  return perform(
      call, *model->lane,
      [model, change = std::move(change)] {
        Parameters& parameters = model->live_decoder().parameters();
        require_quiet_lane(*model);
        change(parameters);
        ++model->version;
        model->bytes = parameters.bytes();
        return tensor_facts(parameters);
      },
      [model](Napi::Env env, std::vector<TensorFacts>& facts) {
        model->tensors = std::move(facts);
        if (!model->disposed) report_memory(env, model->reported_bytes, model->bytes);
        return env.Undefined();
      });
}

Napi::Value add_adapter(const Napi::CallbackInfo& info) {
  const auto model = unwrap<Model>(info[0], "model");
  require_trainable(*model);
  auto modules = read_adapter_modules(info[1]);
  const AdapterOptions options = read_adapter_options(info[2]);
  return change_adapter(info.Env(), model,
                        [options, modules = std::move(modules)](Parameters& parameters) { parameters.add_adapter(modules, options); });
}

Napi::Value merge_adapter(const Napi::CallbackInfo& info) {
  return change_adapter(info.Env(), unwrap<Model>(info[0], "model"), [](Parameters& parameters) { parameters.merge_adapter(); });
}

Napi::Value unmerge_adapter(const Napi::CallbackInfo& info) {
  return change_adapter(info.Env(), unwrap<Model>(info[0], "model"), [](Parameters& parameters) { parameters.unmerge_adapter(); });
}

}  // namespace

void register_adapter_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("addAdapter", Napi::Function::New<rejecting<add_adapter>>(env, "addAdapter"));
  exports.Set("mergeAdapter", Napi::Function::New<rejecting<merge_adapter>>(env, "mergeAdapter"));
  exports.Set("unmergeAdapter", Napi::Function::New<rejecting<unmerge_adapter>>(env, "unmergeAdapter"));
}

}  // namespace astarpo
