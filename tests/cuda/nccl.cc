// NCCL between threads of this process, over the emulated device: enough of it for Skimp, stricter
// than the real one. Messages are never buffered, groups of a communicator are done one after the
// other, and sizes must agree, so what deadlocks or goes astray on some machine does so here.
//
// SKIMP_NCCL_FAULT=kind:rank:number makes one rank's number-th group (from 0) go wrong: "corrupt" a
// byte that it receives, "stall" for ever, "error" at its end, "remote" some time later. "init" is
// an error where that rank joins.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "transports/nccl/functions.h"

#define STAND_IN extern "C" [[gnu::visibility("default")]]

using skimp::nccl::Config;
using skimp::nccl::Result;
using skimp::nccl::UniqueId;

namespace {

constexpr Result internal_error{3}, invalid_argument{4}, invalid_usage{5}, remote_error{6};

struct Message {
  const void* data;
  std::size_t bytes;
  bool taken = false;
};
using MessagePtr = std::shared_ptr<Message>;

struct World {
  int size;
  int joined = 0;
  std::map<std::pair<int, int>, std::deque<MessagePtr>> messages;  ///< by source and target
};

std::mutex mutex;
std::map<std::string, std::shared_ptr<World>> worlds;
int alive = 0;

[[noreturn]] void misused(const char* what) {
  std::fprintf(stderr, "nccl stand-in: %s\n", what);
  std::abort();
}

struct Fault {
  std::string kind;
  int rank = -1, number = -1;
};

Fault fault() {
  Fault fault;
  const char* text = std::getenv("SKIMP_NCCL_FAULT");
  char kind[16];
  if (text != nullptr &&
      std::sscanf(text, "%15[a-z]:%d:%d", kind, &fault.rank, &fault.number) == 3) {
    fault.kind = kind;
  }
  return fault;
}

}  // namespace

namespace skimp::nccl {

/// A group under way.
struct Group {
  struct Receive {
    int source;
    void* data;
    std::size_t bytes;
    bool done = false;
  };
  std::shared_ptr<Communicator> communicator;
  std::vector<std::pair<int, MessagePtr>> sends;  ///< by target
  std::vector<Receive> receives;
  void* stream = nullptr;
  int number = 0;
  bool posted = false;
};

struct Communicator {
  std::shared_ptr<World> world;
  int rank;
  std::shared_ptr<Communicator> self;  ///< until destroyed or aborted
  std::deque<Group*> groups;           ///< under way, the oldest first
  int number = 0;                      ///< of the next group
  bool aborted = false;
  bool slow = false;  ///< the next look says that a call is still under way
  Result state = success;

  bool fails(const char* kind, int group) const {
    const Fault planned = fault();
    return planned.kind == kind && planned.rank == rank && planned.number == group;
  }

  /// One look at a group; true once it is done.
  bool advance(Group& group) {
    if (aborted) return true;
    if (fails("remote", group.number)) state = Result{6};
    if (groups.front() != &group || state != success || fails("stall", group.number)) return false;
    if (!group.posted) {
      for (auto& [target, message] : group.sends) {
        world->messages[{rank, target}].push_back(message);
      }
      group.posted = true;
    }
    bool done = true;
    for (Group::Receive& receive : group.receives) {
      auto& waiting = world->messages[{receive.source, rank}];
      if (!receive.done && !waiting.empty()) take(group, receive, *waiting.front(), waiting);
      done &= receive.done;
    }
    for (const auto& [target, message] : group.sends) done &= message->taken;
    if (done) groups.pop_front();
    return done;
  }

  void take(Group& group, Group::Receive& receive, Message& message,
            std::deque<MessagePtr>& waiting) {
    if (message.bytes != receive.bytes) misused("a message is received as one of another size");
    std::memcpy(receive.data, message.data, message.bytes);
    if (fails("corrupt", group.number)) {
      static_cast<unsigned char*>(receive.data)[message.bytes / 2] ^= 1;
    }
    receive.done = message.taken = true;
    waiting.pop_front();
  }
};

}  // namespace skimp::nccl

using skimp::nccl::Communicator;
using skimp::nccl::Group;
using skimp::nccl::in_progress;
using skimp::nccl::success;

namespace {

thread_local std::unique_ptr<Group> open_group;

bool advance(void* context) {
  auto* group = static_cast<Group*>(context);
  {
    const std::lock_guard lock(mutex);
    if (!group->communicator->advance(*group)) return false;
  }
  delete group;
  return true;
}

void queue(void* stream, Group* group) {
  using Add = void(void*, bool (*)(void*), void*);
  static Add* const add = [] {
    void* library = dlopen(std::getenv("SKIMP_CUDA_LIBRARY"), RTLD_NOW | RTLD_NOLOAD);
    if (library == nullptr) misused("the emulated CUDA library is not loaded");
    return reinterpret_cast<Add*>(dlsym(library, "skimp_emulated_add"));
  }();
  add(stream, advance, group);
}

/// What is common to both directions of a transfer.
Group& group_for(std::size_t bytes, int type, int peer, Communicator* communicator, void* stream) {
  if (open_group == nullptr) misused("a transfer outside of a group");
  if (bytes == 0 || type != skimp::nccl::bytes_type) misused("a transfer of no bytes");
  const std::lock_guard lock(mutex);
  if (peer < 0 || peer >= communicator->world->size || peer == communicator->rank) {
    misused("a transfer with a rank that is none, or with itself");
  }
  if (communicator->aborted) misused("a transfer after the end");
  Group& group = *open_group;
  if (group.communicator != nullptr &&
      (group.communicator.get() != communicator || group.stream != stream)) {
    misused("two communicators or streams in one group");
  }
  group.communicator = communicator->self;
  group.stream = stream;
  return group;
}

void end(Communicator* communicator, bool at_work_is_misuse) {
  const std::lock_guard lock(mutex);
  if (at_work_is_misuse && !communicator->groups.empty()) misused("destroyed at work");
  communicator->aborted = true;
  // Messages that nobody has taken leave with their sender.
  for (auto& [ends, waiting] : communicator->world->messages) {
    if (ends.first == communicator->rank) waiting.clear();
  }
  --alive;
  communicator->self.reset();
}

}  // namespace

STAND_IN int skimp_standin_alive() {
  const std::lock_guard lock(mutex);
  return alive;
}

STAND_IN Result ncclGetVersion(int* version) {
  *version = 21400;
  return success;
}

STAND_IN Result ncclGetUniqueId(UniqueId* id) {
  static int made = 0;
  const std::lock_guard lock(mutex);
  *id = {};
  std::snprintf(id->internal, sizeof id->internal, "world %d", made++);
  return success;
}

STAND_IN Result ncclCommInitRankConfig(Communicator** made, int size, UniqueId id, int rank,
                                       Config* config) {
  if (config->magic != 0xcafebeef || config->size != sizeof *config || config->blocking != 0) {
    return invalid_argument;
  }
  if (rank < 0 || rank >= size) return invalid_argument;
  if (fault().kind == "init" && fault().rank == rank) return internal_error;
  const std::lock_guard lock(mutex);
  std::shared_ptr<World>& world = worlds[id.internal];
  if (world == nullptr) world = std::make_shared<World>(World{size, 0, {}});
  if (world->size != size) return invalid_usage;
  world->joined += 1;
  auto communicator = std::make_shared<Communicator>();
  communicator->world = world;
  communicator->rank = rank;
  communicator->self = communicator;
  ++alive;
  *made = communicator.get();
  return in_progress;
}

STAND_IN Result ncclCommDestroy(Communicator* communicator) {
  end(communicator, true);
  return success;
}

STAND_IN Result ncclCommAbort(Communicator* communicator) {
  end(communicator, false);
  return success;
}

STAND_IN Result ncclCommGetAsyncError(Communicator* communicator, Result* state) {
  const std::lock_guard lock(mutex);
  const bool all_here = communicator->world->joined == communicator->world->size;
  *state = !all_here || communicator->slow ? in_progress : communicator->state;
  communicator->slow = false;
  return success;
}

STAND_IN const char* ncclGetErrorString(Result result) {
  return result == remote_error ? "remote process exited or there was a network error"
                                : "internal error";
}

STAND_IN const char* ncclGetLastError(Communicator*) { return ""; }

STAND_IN Result ncclGroupStart() {
  if (open_group != nullptr) misused("a group within a group");
  open_group = std::make_unique<Group>();
  return success;
}

STAND_IN Result ncclSend(const void* data, std::size_t bytes, int type, int peer,
                         Communicator* communicator, void* stream) {
  Group& group = group_for(bytes, type, peer, communicator, stream);
  group.sends.emplace_back(peer, std::make_shared<Message>(Message{data, bytes}));
  return success;
}

STAND_IN Result ncclRecv(void* data, std::size_t bytes, int type, int peer,
                         Communicator* communicator, void* stream) {
  Group& group = group_for(bytes, type, peer, communicator, stream);
  group.receives.push_back({peer, data, bytes});
  return success;
}

/// Comes back before the group is in the stream, as where peers are still to be connected.
STAND_IN Result ncclGroupEnd() {
  if (open_group == nullptr) misused("the end of no group");
  Group* const group = open_group.release();
  if (group->communicator == nullptr) misused("an empty group");
  {
    const std::lock_guard lock(mutex);
    Communicator& communicator = *group->communicator;
    group->number = communicator.number++;
    if (communicator.fails("error", group->number)) {
      delete group;
      return internal_error;
    }
    communicator.groups.push_back(group);
    communicator.slow = true;
  }
  queue(group->stream, group);
  return in_progress;
}
