// C++ exceptions as JS errors with a code of lib/errors.ts. Native code throws astarpo::Error; what libtorch and the standard
// library throw is given a code here. Their stack says nothing: lib/model/call-native.ts puts the caller's in its place.
#pragma once

#include <string>

#include "native/addon/setup.h"
#include "native/error.h"

namespace astarpo {

// An error on its way from a lane thread to the JS thread.
struct Failure {
  std::string code, message;
};

// Describes the exception that is being handled. Call inside a catch block.
Failure current_failure();

Napi::Error to_js_error(Napi::Env env, const Failure& failure);

// `function` as a function that JS may call: throws JS errors.
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value throwing(const Napi::CallbackInfo& info) {
  try {
    return function(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_js_error(info.Env(), current_failure());
  }
}

// The same for functions that return a promise: these never throw, they return a rejected promise.
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value rejecting(const Napi::CallbackInfo& info) {
  const auto rejected = [&](const Napi::Error& error) -> Napi::Value {
    const auto deferred = Napi::Promise::Deferred::New(info.Env());
    deferred.Reject(error.Value());
    return deferred.Promise();
  };
  try {
    return function(info);
  } catch (const Napi::Error& error) {
    return rejected(error);
  } catch (...) {
    return rejected(to_js_error(info.Env(), current_failure()));
  }
}

}  // namespace astarpo
