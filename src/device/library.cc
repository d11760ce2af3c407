#include "device/library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <mutex>

#include "skimp/skimp.h"

namespace skimp {
namespace {

const char* library_path() {
  const char* named = std::getenv("SKIMP_CUDA_LIBRARY");
  return named == nullptr || *named == '\0' ? "libskimp_cuda.so" : named;
}

std::string loader_error() {
  const char* error = dlerror();
  return error == nullptr ? "unknown error" : error;
}

/// A library of another version may understand the arguments otherwise.
void require_same_version(void* handle, const char* path) {
  const auto version =
      reinterpret_cast<decltype(&skimp_cuda_version)>(dlsym(handle, "skimp_cuda_version"));
  if (version != nullptr && std::strcmp(version(), SKIMP_VERSION) == 0) return;
  fail(SKIMP_UNSUPPORTED_TYPE, "cuda: ", path, " is of version ",
       version == nullptr ? "unknown" : version(), ", this library is ", SKIMP_VERSION);
}

/// A failure is not remembered: the next call looks again.
void* library() {
  static std::mutex mutex;
  static void* opened = nullptr;
  const std::lock_guard lock(mutex);
  if (opened != nullptr) return opened;
  const char* path = library_path();
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    fail(SKIMP_UNSUPPORTED_TYPE, "arrays on a device need Skimp's CUDA library: ", loader_error());
  }
  require_same_version(handle, path);
  return opened = handle;
}

}  // namespace

void* device_function(const char* name) {
  void* function = dlsym(library(), name);
  if (function == nullptr) fail(SKIMP_INTERNAL, "cuda: ", loader_error());
  return function;
}

void check_device(skimp_status status) {
  if (status == SKIMP_OK) return;
  fail(status, device_function_of<decltype(&skimp_cuda_error)>("skimp_cuda_error")());
}

bool is_done(const DeviceStream& stream) {
  bool done = false;
  SKIMP_ON_DEVICE(skimp_cuda_is_done, stream, &done);
  return done;
}

std::string describe_device() {
  char text[1024];
  SKIMP_ON_DEVICE(skimp_cuda_describe, text, sizeof text);
  return text;
}

}  // namespace skimp
