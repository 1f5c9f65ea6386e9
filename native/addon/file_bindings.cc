// exchangePaths: what Node's file functions lack.
#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "native/addon/args.h"
#include "native/addon/bindings.h"
#include "native/addon/guards.h"
#include "native/error.h"

namespace astarpo {
namespace {

Napi::Value exchange_paths(const Napi::CallbackInfo& info) {
  const std::string first = read_path(info[0], "first"), second = read_path(info[1], "second");
  if (::renameat2(AT_FDCWD, first.c_str(), AT_FDCWD, second.c_str(), RENAME_EXCHANGE) == 0) return Napi::Boolean::New(info.Env(), true);
  // File systems, and kernels, that cannot.
  if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) return Napi::Boolean::New(info.Env(), false);
  throw Error("ASTARPO_IO", "expected to exchange '" + first + "' and '" + second + "', got: " + std::strerror(errno));
}

}  // namespace

void register_file_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("exchangePaths", Napi::Function::New<throwing<exchange_paths>>(env, "exchangePaths"));
}

}  // namespace astarpo
