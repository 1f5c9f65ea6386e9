// Entry of the core: registration only.
#include "native/addon/bindings.h"
#include "native/addon/environment.h"
#include "native/addon/errors.h"
#include "native/addon/single_copy.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  try {
    astarpo::claim_process();
    astarpo::Environment::of(env);
  } catch (const astarpo::Error&) {
    throw astarpo::to_js_error(env, astarpo::current_failure());
  }
  astarpo::register_device_bindings(env, exports);
  astarpo::register_file_bindings(env, exports);
  astarpo::register_model_bindings(env, exports);
  astarpo::register_adapter_bindings(env, exports);
  astarpo::register_generate_bindings(env, exports);
  astarpo::register_train_bindings(env, exports);
  return exports;
}

}  // namespace

// Called by the shim (native/shim/shim.c), once per environment that loads it.
extern "C" __attribute__((visibility("default"))) napi_value astarpo_register(napi_env env, napi_value exports) {
  return Napi::RegisterModule(env, exports, init);
}
