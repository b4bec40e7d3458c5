// Preloaded into a runtime, it gives addons the Node-API of a runtime whose buffers cannot use memory that it has not
// allocated itself, such as Electron: the functions that would make such a buffer or text return
// napi_no_external_buffers_allowed. It appends two kinds of lines to the file that NODE_API_LOG names: "found NAME" when an
// addon looks up a function of Node-API in the runtime, and "refused NAME" when it calls a function that is refused.
//
// An addon that is linked to the functions, and does not look them up, gets the runtime's own.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_EXTERNAL_BUFFERS_ALLOWED 22

static void report(const char *what, const char *name) {
  const char *path = getenv("NODE_API_LOG");
  int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  if (file < 0) return;
  dprintf(file, "%s %s\n", what, name);
  close(file);
}

// Arguments that a function does not declare do no harm in the calling conventions of Linux.
#define REFUSED(name)                     \
  static int name(void) {                 \
    report("refused", #name);             \
    return NO_EXTERNAL_BUFFERS_ALLOWED;   \
  }
REFUSED(napi_create_external_arraybuffer)
REFUSED(napi_create_external_buffer)
REFUSED(node_api_create_external_string_latin1)
REFUSED(node_api_create_external_string_utf16)

static const struct {
  const char *name;
  int (*function)(void);
} refused[] = {
    {"napi_create_external_arraybuffer", napi_create_external_arraybuffer},
    {"napi_create_external_buffer", napi_create_external_buffer},
    {"node_api_create_external_string_latin1", node_api_create_external_string_latin1},
    {"node_api_create_external_string_utf16", node_api_create_external_string_utf16},
};

typedef void *lookup(void *handle, const char *name);

/** The C library's own dlsym. Its version depends on the library's age and on the processor. */
static lookup *system_dlsym(void) {
  static const char *const versions[] = {"GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.4", "GLIBC_2.2.5"};
  static lookup *found;
  for (size_t i = 0; !found && i < sizeof versions / sizeof *versions; i++)
    found = (lookup *)dlvsym(RTLD_NEXT, "dlsym", versions[i]);
  if (!found) abort();
  return found;
}

void *dlsym(void *handle, const char *name) {
  int is_own = !strncmp(name, "napi_", 5) || !strncmp(name, "node_api_", 9);
  // The runtime itself looks up other names in addons.
  if (is_own && handle == dlopen(NULL, RTLD_LAZY)) {
    report("found", name);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
      if (!strcmp(name, refused[i].name)) return (void *)refused[i].function;
  }
  return system_dlsym()(handle, name);
}
