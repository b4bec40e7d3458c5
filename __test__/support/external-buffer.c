// An addon that exports the status with which the runtime answers napi_create_external_buffer.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

typedef int create_external_buffer(void *, size_t, void *, void *, void *, void **);
typedef int create_int32(void *, int, void **);

void *napi_register_module_v1(void *env, void *exports) {
  static char memory[8];
  void *runtime = dlopen(NULL, RTLD_LAZY), *buffer;
  create_external_buffer *create = (create_external_buffer *)dlsym(runtime, "napi_create_external_buffer");
  create_int32 *number = (create_int32 *)dlsym(runtime, "napi_create_int32");
  return number(env, create(env, sizeof memory, memory, NULL, NULL, &buffer), &exports) ? NULL : exports;
}
