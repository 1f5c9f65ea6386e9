#include "native/addon/errors.h"

#include <exception>
#include <new>
#include <string_view>

#include <c10/util/Exception.h>

namespace astarpo {
namespace {

constexpr const char* kMemoryHint = "\n  Lower the tokens per micro-batch or the number of concurrent episodes, or use a smaller dtype.";

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

}  // namespace

Failure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const c10::OutOfMemoryError& error) {
    return {"ASTARPO_OUT_OF_MEMORY", first_line(error.what_without_backtrace()) + kMemoryHint};
  } catch (const c10::Error& error) {
    const std::string message = first_line(error.what_without_backtrace());
    // libtorch's CPU allocator reports with a plain c10::Error.
    if (message.find("DefaultCPUAllocator") != std::string::npos) return {"ASTARPO_OUT_OF_MEMORY", message + kMemoryHint};
    return {"ASTARPO_TORCH", message};
  } catch (const std::bad_alloc&) {
    return {"ASTARPO_OUT_OF_MEMORY", std::string("the process ran out of memory") + kMemoryHint};
  } catch (const std::exception& error) {
    return {"ASTARPO_INTERNAL", first_line(error.what())};
  } catch (...) {
    return {"ASTARPO_INTERNAL", "an exception of unknown type was thrown"};
  }
}

Napi::Error to_js_error(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Value().Set("code", failure.code);
  return error;
}

}  // namespace astarpo
