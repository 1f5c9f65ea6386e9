#include "native/addon/single_copy.h"

#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <link.h>

#include "native/error.h"

// How copies find each other: every one exports this.
extern "C" __attribute__((visibility("default"))) std::atomic<bool> astarpo_core_serves;
std::atomic<bool> astarpo_core_serves{false};

namespace astarpo {
namespace {

std::vector<std::string> loaded_cores() {
  std::vector<std::string> paths;
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* data) {
        const char* const slash = object->dlpi_name == nullptr ? nullptr : std::strrchr(object->dlpi_name, '/');
        if (slash != nullptr && std::strncmp(slash + 1, "libastarpo_core", 15) == 0)
          static_cast<std::vector<std::string>*>(data)->emplace_back(object->dlpi_name);
        return 0;
      },
      &paths);
  return paths;
}

}  // namespace

void claim_process() {
  for (const std::string& path : loaded_cores()) {
    void* const library = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr) continue;
    auto* const serves = static_cast<std::atomic<bool>*>(dlsym(library, "astarpo_core_serves"));
    const bool conflict = serves != nullptr && serves != &astarpo_core_serves && serves->load();
    dlclose(library);
    if (conflict) {
      throw Error("ASTARPO_CORE_CONFLICT",
                  "expected one copy of astar-po in the process, got a second one: " + path +
                      " is in use\n  Let all packages depend on one version (npm ls astar-po), or use another process.");
    }
  }
  astarpo_core_serves = true;
}

}  // namespace astarpo
