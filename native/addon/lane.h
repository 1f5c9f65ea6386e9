// One lane per device, shared by every environment (main thread, worker threads) of the process: a thread and a first-in
// first-out queue. Work on a device happens there and nowhere else. A job that has more to do goes to the back of the queue,
// so token steps of one model, updates of another and jobs of other environments take turns.
//
// Lanes start with their first use and are never destroyed: their threads outlive every environment and end with the process.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include <c10/core/Device.h>

#include "native/model/abort.h"

namespace astarpo {

struct Job {
  const void* owner = nullptr;       // the environment whose end cancels the job; null: nobody's. Compared, never followed
  std::shared_ptr<AbortFlag> abort;  // set when the job is cancelled while it runs; null: it cannot be interrupted
  std::function<bool()> run;         // must not throw. True: run again, after all that is queued now
};

class Lane {
 public:
  // The lane of a device; 'cuda' without an index is device 0.
  static Lane& of(c10::Device device);
  // Drops the owner's queued jobs on every lane, sets the flags of its running ones and waits until they have ended. The jobs'
  // closures die on the calling thread.
  static void cancel_everywhere(const void* owner);
  // Threads of CPU work, taking effect before the next job of each lane; 0 in between: libtorch's default.
  static void set_threads(int count);
  static int threads();

  void post(Job job);

 private:
  explicit Lane(c10::Device device);
  void loop();
  void cancel(const void* owner);
  bool stop(std::chrono::steady_clock::time_point deadline);  // false: a job is still running
  static void stop_all(int status, void* unused);

  const c10::Device device_;
  std::mutex mutex_;
  std::condition_variable wake_;   // the thread waits for work
  std::condition_variable ended_;  // others wait for the end of a job
  std::deque<Job> queue_;
  bool running_ = false, stopped_ = false;
  const void* running_owner_ = nullptr;
  std::shared_ptr<AbortFlag> running_abort_;
};

}  // namespace astarpo
