// A call of JS that returns a promise: its work runs on a lane, its result is made on the JS thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "native/addon/environment.h"
#include "native/addon/errors.h"
#include "native/addon/lane.h"
#include "native/model/abort.h"

namespace astarpo {

struct Model;
class Call;

// Behind an AbortHandle. JS thread only.
struct AbortState {
  static constexpr bool disposed = false;
  bool set = false;
  std::vector<std::weak_ptr<Call>> calls;
};

class Call : public std::enable_shared_from_this<Call> {
 public:
  // `model` may be null (a call that makes one), so may `abort`. Throws ASTARPO_DISPOSED when the environment is ending.
  static std::shared_ptr<Call> open(Napi::Env env, std::shared_ptr<Model> model, const std::shared_ptr<AbortState>& abort);

  const std::shared_ptr<Environment> environment;
  const std::shared_ptr<Model> model;
  const std::shared_ptr<AbortFlag> flag = std::make_shared<AbortFlag>();  // polled by the work

  // JS thread only.
  Napi::Value promise() const { return deferred_.Promise(); }
  // Runs once, before the promise settles either way; releases what the call held (busy marks). Not run by forget().
  std::function<void(Napi::Env)> settled;
  Napi::FunctionReference on_token;
  // The reason becomes the error unless the work ends well all the same.
  void cancel(Failure reason);
  // Rejects with this value, whatever the work does; used when a callback threw.
  void fail_with(const Napi::Error& error);
  // The environment has ended: lets go of all JS objects without settling.
  void forget();

  // Any thread. The first of the two settles the promise, on the JS thread.
  void resolve(std::function<Napi::Value(Napi::Env)> result);
  void reject(Failure failure);

 private:
  Call(Napi::Env env, std::shared_ptr<Environment> environment, std::shared_ptr<Model> model);
  void settle(Napi::Env env, const std::function<void()>& act);

  Napi::Promise::Deferred deferred_;
  Napi::Reference<Napi::Value> thrown_;
  std::optional<Failure> reason_;
  bool over_ = false;  // settled or forgotten
};

// Result of work that has none.
struct Nothing {};
inline Napi::Value undefined(Napi::Env env, Nothing&) { return env.Undefined(); }

// Posts `work()` to the lane; `result(env, value)` turns what it returns into the promise's value on the JS thread.
template <class Work, class Result>
Napi::Value perform(const std::shared_ptr<Call>& call, Lane& lane, Work work, Result result) {
  using Value = decltype(work());
  lane.post(
      {.owner = call->environment.get(), .abort = call->flag, .run = [call, work = std::move(work), result = std::move(result)]() mutable {
         try {
           call->flag->check();
           auto value = std::make_shared<Value>(work());
           call->resolve([value, result](Napi::Env env) { return result(env, *value); });
         } catch (...) {
           call->reject(current_failure());
         }
         return false;
       }});
  return call->promise();
}

}  // namespace astarpo
