// astarpo.node: what Node loads first. Plain C, without libtorch, so that it loads on any machine and can say what is missing.
// It looks around (loaded, cuda), opens libraries by absolute path (preload) and hands over to the core (attach).
// Any number of environments (worker threads) may load it: it keeps no state of its own.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// Returns NULL with a pending exception if a Node-API call fails.
#define CHECK(env, call)                                              \
  do {                                                                \
    if ((call) != napi_ok) {                                          \
      bool pending = false;                                           \
      napi_is_exception_pending(env, &pending);                       \
      if (!pending) napi_throw_error(env, "ASTARPO_INTERNAL", #call); \
      return NULL;                                                    \
    }                                                                 \
  } while (0)

// Reads exactly `expected` arguments. False with a pending exception otherwise.
static bool read_arguments(napi_env env, napi_callback_info info, const char* usage, size_t expected, napi_value* values) {
  size_t count = expected;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok) {
    napi_throw_error(env, "ASTARPO_INTERNAL", "napi_get_cb_info failed");
    return false;
  }
  if (count != expected) {
    char message[128];
    snprintf(message, sizeof message, "expected %s, got %zu arguments", usage, count);
    napi_throw_type_error(env, "ASTARPO_ARGUMENT", message);
    return false;
  }
  return true;
}

// An absolute path that fits PATH_MAX and has no NUL inside. False with a pending exception otherwise.
static bool read_path(napi_env env, napi_value value, const char* usage, char path[PATH_MAX]) {
  char message[128];
  napi_valuetype type = napi_undefined;
  size_t length = 0, copied = 0;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_string ||
      napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) {
    snprintf(message, sizeof message, "expected %s with a string as path", usage);
    napi_throw_type_error(env, "ASTARPO_ARGUMENT", message);
    return false;
  }
  if (length >= PATH_MAX) {
    snprintf(message, sizeof message, "expected a path of fewer than %d bytes, got %zu", PATH_MAX, length);
    napi_throw_range_error(env, "ASTARPO_ARGUMENT", message);
    return false;
  }
  if (napi_get_value_string_utf8(env, value, path, PATH_MAX, &copied) != napi_ok || copied != length) {
    napi_throw_error(env, "ASTARPO_INTERNAL", "the path could not be read");
    return false;
  }
  size_t end = 0;
  while (end < length && path[end] != '\0') end++;
  if (length == 0 || end != length || path[0] != '/') {
    napi_throw_type_error(env, "ASTARPO_ARGUMENT", "expected an absolute path without NUL characters");
    return false;
  }
  return true;
}

static void throw_dlerror(napi_env env, const char* code) {
  const char* reason = dlerror();
  napi_throw_error(env, code, reason != NULL ? reason : "dlopen failed without a reason");
}

// preload(path, global): maps a library for the life of the process. Never unmapped: libtorch does not survive that.
static napi_value Preload(napi_env env, napi_callback_info info) {
  static const char usage[] = "preload(path, global)";
  napi_value arguments[2];
  char path[PATH_MAX];
  bool global = false;
  if (!read_arguments(env, info, usage, 2, arguments) || !read_path(env, arguments[0], usage, path)) return NULL;
  if (napi_get_value_bool(env, arguments[1], &global) != napi_ok) {
    napi_throw_type_error(env, "ASTARPO_ARGUMENT", "expected preload(path, global) with a boolean as global");
    return NULL;
  }
  if (dlopen(path, RTLD_NOW | RTLD_NODELETE | (global ? RTLD_GLOBAL : RTLD_LOCAL)) == NULL) throw_dlerror(env, "ASTARPO_DLOPEN");
  return NULL;
}

typedef napi_value (*register_function)(napi_env, napi_value);

// attach(path): opens the core and returns the exports that it registers in this environment.
static napi_value Attach(napi_env env, napi_callback_info info) {
  static const char usage[] = "attach(path)";
  napi_value arguments[1], exports;
  char path[PATH_MAX];
  if (!read_arguments(env, info, usage, 1, arguments) || !read_path(env, arguments[0], usage, path)) return NULL;
  void* core = dlopen(path, RTLD_NOW | RTLD_NODELETE | RTLD_LOCAL);
  if (core == NULL) {
    throw_dlerror(env, "ASTARPO_DLOPEN");
    return NULL;
  }
  register_function attach = (register_function)(uintptr_t)dlsym(core, "astarpo_register");
  if (attach == NULL) {
    throw_dlerror(env, "ASTARPO_ABI");
    return NULL;
  }
  CHECK(env, napi_create_object(env, &exports));
  return attach(env, exports);
}

struct name_list {
  napi_env env;
  napi_value array;
  uint32_t length;
  bool failed;
};

static int add_name(struct dl_phdr_info* object, size_t size, void* data) {
  (void)size;
  struct name_list* list = data;
  napi_value name;
  if (object->dlpi_name == NULL || object->dlpi_name[0] == '\0') return 0;  // the program itself
  list->failed = napi_create_string_utf8(list->env, object->dlpi_name, NAPI_AUTO_LENGTH, &name) != napi_ok ||
                 napi_set_element(list->env, list->array, list->length++, name) != napi_ok;
  return list->failed ? 1 : 0;
}

// loaded(): file names of all libraries in the process.
static napi_value Loaded(napi_env env, napi_callback_info info) {
  if (!read_arguments(env, info, "loaded()", 0, NULL)) return NULL;
  struct name_list list = {.env = env, .array = NULL, .length = 0, .failed = false};
  CHECK(env, napi_create_array(env, &list.array));
  dl_iterate_phdr(add_name, &list);
  if (list.failed) {
    napi_throw_error(env, "ASTARPO_INTERNAL", "the list of loaded libraries could not be built");
    return NULL;
  }
  return list.array;
}

// Attributes of cuDeviceGetAttribute: compute capability, major and minor.
enum { kComputeMajor = 75, kComputeMinor = 76 };

// cuda(): { driver: false } without a driver; else { driver: true, cuInit, driverCuda, sm }. Creates no context on any device.
static napi_value Cuda(napi_env env, napi_callback_info info) {
  if (!read_arguments(env, info, "cuda()", 0, NULL)) return NULL;
  napi_value report, value, devices;
  CHECK(env, napi_create_object(env, &report));
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == NULL) driver = dlopen("/usr/lib/wsl/lib/libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  int (*init)(unsigned) = NULL;
  int (*version)(int*) = NULL;
  int (*count_devices)(int*) = NULL;
  int (*get_device)(int*, int) = NULL;
  int (*get_attribute)(int*, int, int) = NULL;
  if (driver != NULL) {
    init = (int (*)(unsigned))(uintptr_t)dlsym(driver, "cuInit");
    version = (int (*)(int*))(uintptr_t)dlsym(driver, "cuDriverGetVersion");
    count_devices = (int (*)(int*))(uintptr_t)dlsym(driver, "cuDeviceGetCount");
    get_device = (int (*)(int*, int))(uintptr_t)dlsym(driver, "cuDeviceGet");
    get_attribute = (int (*)(int*, int, int))(uintptr_t)dlsym(driver, "cuDeviceGetAttribute");
  }
  const bool usable = init != NULL && version != NULL && count_devices != NULL && get_device != NULL && get_attribute != NULL;
  CHECK(env, napi_get_boolean(env, usable, &value));
  CHECK(env, napi_set_named_property(env, report, "driver", value));
  if (!usable) return report;

  const int result = init(0);
  int driver_version = 0;
  version(&driver_version);
  CHECK(env, napi_create_int32(env, result, &value));
  CHECK(env, napi_set_named_property(env, report, "cuInit", value));
  CHECK(env, napi_create_int32(env, driver_version, &value));
  CHECK(env, napi_set_named_property(env, report, "driverCuda", value));
  CHECK(env, napi_create_array(env, &devices));
  CHECK(env, napi_set_named_property(env, report, "sm", devices));
  int count = 0;
  if (result != 0 || count_devices(&count) != 0) return report;
  for (int ordinal = 0; ordinal < count; ordinal++) {
    int device = 0, major = 0, minor = 0;
    if (get_device(&device, ordinal) != 0 || get_attribute(&major, kComputeMajor, device) != 0 ||
        get_attribute(&minor, kComputeMinor, device) != 0)
      continue;
    CHECK(env, napi_create_int32(env, 10 * major + minor, &value));
    CHECK(env, napi_set_element(env, devices, (uint32_t)ordinal, value));
  }
  return report;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"preload", NULL, Preload, NULL, NULL, NULL, napi_enumerable, NULL},
      {"attach", NULL, Attach, NULL, NULL, NULL, napi_enumerable, NULL},
      {"loaded", NULL, Loaded, NULL, NULL, NULL, napi_enumerable, NULL},
      {"cuda", NULL, Cuda, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  CHECK(env, napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions));
  return exports;
}
