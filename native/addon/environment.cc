#include "native/addon/environment.h"

#include <utility>

#include "native/addon/call.h"
#include "native/addon/lane.h"
#include "native/error.h"

namespace astarpo {
namespace {

void check_status(napi_status status, const char* what) {
  if (status != napi_ok) throw Error("ASTARPO_INTERNAL", std::string(what) + " failed with Node-API status " + std::to_string(status));
}

}  // namespace

std::shared_ptr<Environment> Environment::of(Napi::Env env) {
  using Holder = std::shared_ptr<Environment>;
  if (const Holder* holder = env.GetInstanceData<Holder>()) return *holder;
  auto* holder = new Holder(make(env));
  env.SetInstanceData<Holder>(holder);
  return *holder;
}

std::shared_ptr<Environment> Environment::make(Napi::Env env) {
  std::shared_ptr<Environment> made(new Environment(env));
  check_status(napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "astar-po"), 0, 1, nullptr, nullptr,
                                               made.get(), &Environment::drain, &made->wake_),
               "napi_create_threadsafe_function");
  check_status(napi_unref_threadsafe_function(env, made->wake_), "napi_unref_threadsafe_function");
  // Hooks run last in, first out: this one before Node closes the thread-safe function, which must not be used after that.
  auto* for_hook = new std::shared_ptr<Environment>(made);
  check_status(napi_add_env_cleanup_hook(
                   env,
                   [](void* data) {
                     const std::unique_ptr<std::shared_ptr<Environment>> holder(static_cast<std::shared_ptr<Environment>*>(data));
                     (*holder)->close();
                   },
                   for_hook),
               "napi_add_env_cleanup_hook");
  // process.exit() of the main thread runs no cleanup hooks, only static destructors, some of which belong to objects that
  // running jobs use. The 'exit' event comes before all of that.
  const auto process = env.Global().Get("process").As<Napi::Object>();
  const auto on_exit = Napi::Function::New(env, [made](const Napi::CallbackInfo&) { made->close(); });
  process.Get("once").As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), on_exit});
  return made;
}

Environment::Environment(napi_env env) : env_(env) {}
Environment::~Environment() = default;

void Environment::post(Task task) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  tasks_.push_back(std::move(task));
  if (woken_) return;
  woken_ = true;
  // Cannot block or be refused: the queue is unlimited and the function is open until closed_.
  napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void Environment::drain(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // Node is closing the function
  auto* const self = static_cast<Environment*>(context);
  std::deque<Task> tasks;
  {
    const std::lock_guard lock(self->mutex_);
    tasks.swap(self->tasks_);
    self->woken_ = false;
  }
  for (; !tasks.empty() && !self->closed_; tasks.pop_front()) {
    const Napi::HandleScope scope(env);
    try {
      tasks.front()(env);
    } catch (const Napi::Error&) {
      // Tasks reject their promises themselves. What still arrives here comes from a worker that is being terminated, where no
      // call into JS succeeds any more.
    }
  }
}

void Environment::add(const std::shared_ptr<Call>& call) {
  if (pending_.empty()) napi_ref_threadsafe_function(env_, wake_);
  pending_.insert(call);
}

void Environment::remove(const std::shared_ptr<Call>& call) {
  if (pending_.erase(call) > 0 && pending_.empty() && !closed_) napi_unref_threadsafe_function(env_, wake_);
}

void Environment::close() {
  if (closed_) return;
  Lane::cancel_everywhere(this);
  std::deque<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    tasks.swap(tasks_);
  }
  for (const auto& call : std::exchange(pending_, {})) call->forget();
}

}  // namespace astarpo
