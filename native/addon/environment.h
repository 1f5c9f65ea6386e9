// One Node environment (the main thread or a worker thread): the way from lane threads back to its JS thread, the calls that
// wait for a result, and what happens when it ends.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_set>

#include "native/addon/setup.h"

namespace astarpo {

class Call;

class Environment {
 public:
  using Task = std::function<void(Napi::Env)>;

  // The environment of this JS thread; made with the first use.
  static std::shared_ptr<Environment> of(Napi::Env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // Runs `task` on the JS thread, in the order of the posts. From any thread; dropped when the environment has ended.
  void post(Task task);

  // The rest: JS thread only.
  // Pending calls keep Node alive; without any, an idle program can end.
  void add(const std::shared_ptr<Call>& call);
  void remove(const std::shared_ptr<Call>& call);
  const std::unordered_set<std::shared_ptr<Call>>& pending() const { return pending_; }
  bool closed() const { return closed_; }
  // Cancels this environment's jobs on every lane and waits for those that run. Promises that are pending never settle.
  void close();

 private:
  explicit Environment(napi_env env);
  static std::shared_ptr<Environment> make(Napi::Env env);
  static void drain(napi_env env, napi_value, void* context, void*);

  const napi_env env_;
  napi_threadsafe_function wake_ = nullptr;
  std::unordered_set<std::shared_ptr<Call>> pending_;
  std::mutex mutex_;
  std::deque<Task> tasks_;  // guarded by mutex_, as the two below
  bool woken_ = false;
  bool closed_ = false;  // written by the JS thread alone, which may read it without the lock
};

}  // namespace astarpo
