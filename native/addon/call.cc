#include "native/addon/call.h"

namespace astarpo {

Call::Call(Napi::Env env, std::shared_ptr<Environment> environment, std::shared_ptr<Model> model)
    : environment(std::move(environment)), model(std::move(model)), deferred_(env) {}

std::shared_ptr<Call> Call::open(Napi::Env env, std::shared_ptr<Model> model, const std::shared_ptr<AbortState>& abort) {
  auto environment = Environment::of(env);
  if (environment->closed()) throw Error("ASTARPO_DISPOSED", "expected a running program, got a call while it is exiting");
  std::shared_ptr<Call> call(new Call(env, environment, std::move(model)));
  environment->add(call);
  if (!abort) return call;
  if (abort->set) {
    call->flag->set();
  } else {
    // A long-lived signal sees many calls: forget those that have ended whenever the list would grow.
    if (abort->calls.size() == abort->calls.capacity()) std::erase_if(abort->calls, [](const auto& known) { return known.expired(); });
    abort->calls.push_back(call);
  }
  return call;
}

void Call::cancel(Failure reason) {
  if (!reason_) reason_ = std::move(reason);
  flag->set();
}

void Call::fail_with(const Napi::Error& error) {
  if (thrown_.IsEmpty()) thrown_ = Napi::Reference<Napi::Value>::New(error.Value(), 1);
  flag->set();
}

void Call::forget() {
  over_ = true;
  thrown_.Reset();
  on_token.Reset();
  settled = nullptr;
}

void Call::settle(Napi::Env env, const std::function<void()>& act) {
  if (over_) return;
  environment->remove(shared_from_this());
  if (const auto run = std::exchange(settled, nullptr)) run(env);
  act();
  forget();
}

void Call::resolve(std::function<Napi::Value(Napi::Env)> result) {
  environment->post([call = shared_from_this(), result = std::move(result)](Napi::Env env) {
    call->settle(env, [&] {
      if (!call->thrown_.IsEmpty()) return call->deferred_.Reject(call->thrown_.Value());
      try {
        call->deferred_.Resolve(result(env));
      } catch (const Napi::Error& error) {
        call->deferred_.Reject(error.Value());
      }
    });
  });
}

void Call::reject(Failure failure) {
  environment->post([call = shared_from_this(), failure = std::move(failure)](Napi::Env env) {
    call->settle(env, [&] {
      if (!call->thrown_.IsEmpty()) return call->deferred_.Reject(call->thrown_.Value());
      const bool cancelled = failure.code == "ASTARPO_ABORTED" && call->reason_;
      call->deferred_.Reject(to_js_error(env, cancelled ? *call->reason_ : failure).Value());
    });
  });
}

}  // namespace astarpo
