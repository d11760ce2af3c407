#include "transports/nccl/functions.h"

#include <dlfcn.h>

#include <map>
#include <mutex>
#include <string>

#include "base/error.h"

namespace skimp::nccl {
namespace {

std::string loader_error() {
  const char* error = dlerror();
  return error == nullptr ? "unknown error" : error;
}

template <class Function>
void find(void* library, const char* name, Function*& function) {
  void* symbol = dlsym(library, name);
  if (symbol == nullptr) fail(SKIMP_TRANSPORT, "nccl: ", loader_error());
  function = reinterpret_cast<Function*>(symbol);
}

Functions open(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail(SKIMP_TRANSPORT, "nccl: ", loader_error());
  Functions found{};
  find(library, "ncclGetVersion", found.get_version);
  find(library, "ncclGetUniqueId", found.get_unique_id);
  find(library, "ncclCommInitRankConfig", found.init);
  find(library, "ncclCommDestroy", found.destroy);
  find(library, "ncclCommAbort", found.abort);
  find(library, "ncclCommGetAsyncError", found.get_async_error);
  find(library, "ncclGetErrorString", found.get_error_string);
  find(library, "ncclGetLastError", found.get_last_error);
  find(library, "ncclGroupStart", found.group_start);
  find(library, "ncclGroupEnd", found.group_end);
  find(library, "ncclSend", found.send);
  find(library, "ncclRecv", found.recv);
  return found;
}

}  // namespace

const Functions& find_functions(const char* library) {
  static std::mutex mutex;
  static std::map<std::string, Functions> opened;
  const std::string path = library == nullptr || *library == '\0' ? "libnccl.so.2" : library;
  const std::lock_guard lock(mutex);
  const auto found = opened.find(path);
  return found != opened.end() ? found->second
                               : opened.emplace(path, open(path.c_str())).first->second;
}

}  // namespace skimp::nccl
