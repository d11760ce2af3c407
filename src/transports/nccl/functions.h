/// \file
/// The part of nccl.h that Skimp uses, so that it can be built without one.
#pragma once

#include <climits>
#include <cstddef>

namespace skimp::nccl {

struct Communicator;

struct UniqueId {
  char internal[128];
};

enum Result : int { success = 0, in_progress = 7 };

inline constexpr int bytes_type = 0;  ///< ncclInt8

/// The first fields of ncclConfig_t, as of NCCL 2.14: the size and the version say that there are
/// no others. Not blocking means that calls return in_progress where they would wait for peers.
struct Config {
  std::size_t size = sizeof(Config);
  unsigned magic = 0xcafebeef;
  unsigned version = 21400;
  int blocking = 0;
  int cluster_size = INT_MIN;
};
static_assert(sizeof(Config) == 24);

struct Functions {
  Result (*get_version)(int*);
  Result (*get_unique_id)(UniqueId*);
  Result (*init)(Communicator**, int world_size, UniqueId, int rank, Config*);
  Result (*destroy)(Communicator*);
  Result (*abort)(Communicator*);
  Result (*get_async_error)(Communicator*, Result*);
  const char* (*get_error_string)(Result);
  const char* (*get_last_error)(Communicator*);
  Result (*group_start)();
  Result (*group_end)();
  Result (*send)(const void*, std::size_t, int type, int peer, Communicator*, void* stream);
  Result (*recv)(void*, std::size_t, int type, int peer, Communicator*, void* stream);
};

/// Those of a library, which stays open: null is libnccl.so.2. Throws the loader's words.
const Functions& find_functions(const char* library);

}  // namespace skimp::nccl
