// info, setThreads, attachCudaKernels, memory.
#include <cstdint>
#include <fstream>

#include <dlfcn.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>

#include "native/addon/args.h"
#include "native/addon/bindings.h"
#include "native/addon/errors.h"
#include "native/addon/lane.h"
#include "native/kernels/ops.h"

namespace astarpo {
namespace {

Napi::Value info(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const at::CUDAHooksInterface& cuda = at::detail::getCUDAHooks();
  const Ops* const kernels = cuda_ops();
  auto result = Napi::Object::New(env);
  result.Set("torch", ASTARPO_TORCH_VERSION);
  result.Set("cpuKernels", cpu_ops().name);
  result.Set("cudaKernels", kernels == nullptr ? env.Null() : Napi::Value(Napi::String::New(env, kernels->name)));
  result.Set("cudaDevices", cuda.hasCUDA() ? static_cast<int>(cuda.deviceCount()) : 0);
  result.Set("threads", Lane::threads());
  return result;
}

Napi::Value set_threads(const Napi::CallbackInfo& call) {
  Lane::set_threads(static_cast<int>(read_integer(call[0], "count", 1, 4096)));
  return call.Env().Undefined();
}

Napi::Value attach_cuda_kernels(const Napi::CallbackInfo& call) {
  const std::string path = read_path(call[0], "path");
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  if (library == nullptr) throw Error("ASTARPO_ABI", "path: expected a plug-in that was preloaded, got '" + path + "'");
  using Table = const Ops* (*)();
  const auto table = reinterpret_cast<Table>(dlsym(library, "astarpo_cuda_ops"));
  if (table == nullptr) throw Error("ASTARPO_ABI", "path: expected a plug-in that exports astarpo_cuda_ops, got '" + path + "'");
  register_cuda_ops(table());
  return call.Env().Undefined();
}

Napi::Value memory(const Napi::CallbackInfo& call) {
  const c10::Device device = read_device(call[0], "device");
  auto result = Napi::Object::New(call.Env());
  if (device.is_cpu()) {
    int64_t size = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> size >> resident;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    result.Set("residentBytes", static_cast<double>(resident * sysconf(_SC_PAGESIZE)));
    result.Set("peakBytes", static_cast<double>(usage.ru_maxrss) * 1024);
    return result;
  }
  at::DeviceAllocator* const allocator = at::getDeviceAllocator(device.type());
  const auto statistics = allocator->getDeviceStats(device.index());
  const auto& allocated = statistics.allocated_bytes[static_cast<size_t>(at::CachingAllocator::StatType::AGGREGATE)];
  const auto [free_bytes, total_bytes] = allocator->getMemoryInfo(device.index());
  result.Set("residentBytes", static_cast<double>(allocated.current));
  result.Set("peakBytes", static_cast<double>(allocated.peak));
  result.Set("deviceFreeBytes", static_cast<double>(free_bytes));
  result.Set("deviceTotalBytes", static_cast<double>(total_bytes));
  return result;
}

}  // namespace

void register_device_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("info", Napi::Function::New<throwing<info>>(env, "info"));
  exports.Set("setThreads", Napi::Function::New<throwing<set_threads>>(env, "setThreads"));
  exports.Set("attachCudaKernels", Napi::Function::New<throwing<attach_cuda_kernels>>(env, "attachCudaKernels"));
  exports.Set("memory", Napi::Function::New<throwing<memory>>(env, "memory"));
}

}  // namespace astarpo
