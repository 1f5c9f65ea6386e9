// Registration of each group of exports; the functions themselves are documented in lib/native/addon.ts.
#pragma once

#include "native/addon/setup.h"

namespace astarpo {

void register_device_bindings(Napi::Env env, Napi::Object exports);
void register_file_bindings(Napi::Env env, Napi::Object exports);
void register_model_bindings(Napi::Env env, Napi::Object exports);
void register_adapter_bindings(Napi::Env env, Napi::Object exports);
void register_generate_bindings(Napi::Env env, Napi::Object exports);
void register_train_bindings(Napi::Env env, Napi::Object exports);

}  // namespace astarpo
