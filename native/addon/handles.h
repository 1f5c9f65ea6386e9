// Handles: tagged JS objects that own a shared_ptr. Dispose functions free; the finalizer is a net that frees what was
// forgotten, and warns when that was a model.
#pragma once

#include <memory>
#include <string>

#include "native/addon/args.h"
#include "native/addon/setup.h"
#include "native/addon/state.h"
#include "native/addon/tags.h"

namespace astarpo {

// The garbage collector found an unreachable handle (or the environment ended). JS thread; must not call JS.
void forgotten(Napi::Env env, std::shared_ptr<Model> model);
void forgotten(Napi::Env env, std::shared_ptr<SequenceState> sequence);
void forgotten(Napi::Env env, std::shared_ptr<PassState> pass);
void forgotten(Napi::Env env, std::shared_ptr<RowsState> rows);
inline void forgotten(Napi::Env, std::shared_ptr<AbortState>) {}

// Tells V8 how much host memory stands behind a handle, so that the collector knows what is at stake.
void report_memory(Napi::Env env, int64_t& reported, int64_t bytes);
// Lets the last reference die on the lane: freeing gigabytes takes longer than the JS thread may wait.
void free_on_lane(const Model& model, std::shared_ptr<const void> object);
// Ends an open pass; no-op for one that is consumed.
void drop_pass(PassState& pass);

template <class T>
Napi::Object wrap(Napi::Env env, std::shared_ptr<T> state) {
  auto object = Napi::Object::New(env);
  auto box = std::make_unique<std::shared_ptr<T>>(std::move(state));
  const auto finalize = [](napi_env finalizing, void* data, void*) {
    const std::unique_ptr<std::shared_ptr<T>> owned(static_cast<std::shared_ptr<T>*>(data));
    forgotten(finalizing, std::move(*owned));
  };
  if (napi_wrap(env, object, box.get(), finalize, nullptr, nullptr) != napi_ok) throw Napi::Error::New(env);
  box.release();
  object.TypeTag(&HandleKind<T>::tag);
  return object;
}

// Throws ASTARPO_ARGUMENT for anything but a handle of this kind. For functions that may meet a disposed one.
template <class T>
std::shared_ptr<T> unwrap_any(const Napi::Value& value, const char* argument) {
  void* data = nullptr;
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&HandleKind<T>::tag) ||
      napi_unwrap(value.Env(), value, &data) != napi_ok) {
    wrong_argument(argument, std::string("a ") + HandleKind<T>::name + " handle", value);
  }
  return *static_cast<std::shared_ptr<T>*>(data);
}

// The same, and ASTARPO_DISPOSED for a disposed one.
template <class T>
std::shared_ptr<T> unwrap(const Napi::Value& value, const char* argument) {
  auto state = unwrap_any<T>(value, argument);
  if (state->disposed)
    throw Error("ASTARPO_DISPOSED", std::string("expected a live ") + HandleKind<T>::name + ", got one that was disposed");
  return state;
}

// An optional last argument.
inline std::shared_ptr<AbortState> unwrap_abort(const Napi::Value& value) {
  return value.IsUndefined() ? nullptr : unwrap<AbortState>(value, "abort");
}

}  // namespace astarpo
