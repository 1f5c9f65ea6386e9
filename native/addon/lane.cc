#include "native/addon/lane.h"

#include <cstdlib>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <unistd.h>

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace astarpo {
namespace {

// Longest wait for a running job when the process ends on its own thread of control.
constexpr std::chrono::seconds kExitPatience{5};

// Never destroyed, like the lanes in it: a lane thread may run until the very end of the process.
struct Lanes {
  std::mutex mutex;
  std::map<std::pair<c10::DeviceType, c10::DeviceIndex>, Lane*> of;
  std::atomic<int> threads{0};
};

Lanes& lanes() {
  static Lanes* const all = new Lanes();
  return *all;
}

std::vector<Lane*> existing_lanes() {
  const std::lock_guard lock(lanes().mutex);
  std::vector<Lane*> all;
  for (const auto& [key, lane] : lanes().of) all.push_back(lane);
  return all;
}

}  // namespace

Lane& Lane::of(c10::Device device) {
  const std::lock_guard lock(lanes().mutex);
  if (lanes().of.empty()) {
    // Runs before the destructors of every static object that exists by now, libtorch's among them (they register when they
    // are made). Environments stop their own work earlier still; this is for exits that bypass them.
    on_exit(&Lane::stop_all, nullptr);
  }
  const auto index = device.is_cpu() ? c10::DeviceIndex{0} : std::max(c10::DeviceIndex{0}, device.index());
  Lane*& lane = lanes().of[{device.type(), index}];
  if (lane == nullptr) lane = new Lane(c10::Device(device.type(), index));
  return *lane;
}

Lane::Lane(c10::Device device) : device_(device) {
  std::thread thread([this] { loop(); });
  pthread_setname_np(thread.native_handle(), device.is_cpu() ? "astarpo-cpu" : "astarpo-gpu");
  thread.detach();
}

void Lane::set_threads(int count) { lanes().threads = count; }

int Lane::threads() {
  const int count = lanes().threads;
  return count > 0 ? count : at::get_num_threads();
}

void Lane::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    // After stop() the process is ending and nobody waits for the job; it dies with this call.
    if (stopped_) return;
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void Lane::loop() {
  const at::AutoDispatchBelowADInplaceOrView no_autograd;
  if (!device_.is_cpu()) c10::impl::VirtualGuardImpl(device_.type()).setDevice(device_);
  int threads = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return !stopped_ && !queue_.empty(); });
    Job job = std::move(queue_.front());
    queue_.pop_front();
    running_ = true;
    running_owner_ = job.owner;
    running_abort_ = job.abort;
    lock.unlock();

    if (const int wanted = lanes().threads; wanted != threads) at::set_num_threads(threads = wanted);
    const bool again = job.run();
    if (!again) job = {};  // closures may own large tensors: they are gone before anyone is told that the job ended

    lock.lock();
    running_ = false;
    running_owner_ = nullptr;
    running_abort_.reset();
    if (again) queue_.push_back(std::move(job));
    ended_.notify_all();
  }
}

void Lane::cancel(const void* owner) {
  std::vector<Job> dropped;
  const auto drop = [&] {
    for (Job& job : queue_) {
      if (job.owner == owner) dropped.push_back(std::move(job));
    }
    std::erase_if(queue_, [&](const Job& job) { return job.owner == owner || !job.run; });
  };
  {
    std::unique_lock lock(mutex_);
    drop();
    if (running_owner_ == owner && running_abort_) running_abort_->set();
    ended_.wait(lock, [&] { return running_owner_ != owner; });
    drop();  // it may have gone to the back of the queue
  }
}

void Lane::cancel_everywhere(const void* owner) {
  for (Lane* lane : existing_lanes()) lane->cancel(owner);
}

bool Lane::stop(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  if (running_abort_) running_abort_->set();
  return ended_.wait_until(lock, deadline, [&] { return !running_; });
}

// A job that does not end in time keeps using objects whose destructors would run next: leave without them.
void Lane::stop_all(int status, void*) {
  const auto deadline = std::chrono::steady_clock::now() + kExitPatience;
  for (Lane* lane : existing_lanes()) {
    if (!lane->stop(deadline)) _exit(status);
  }
}

}  // namespace astarpo
