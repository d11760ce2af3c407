/// \file
/// Streams: lists of work that somebody must ask for. Then what can be done is done, in order; work
/// that waits for another stream's, as a receive does, holds up what is behind it, and has the
/// other streams brought as far as such work of theirs.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "cuda/emulation/memory.h"

namespace skimp::emulation {

class Streams {
 public:
  /// Does a piece of work, or says that it cannot be done yet.
  using Work = std::function<bool()>;

  static void add(void* stream, std::function<void()> work) {
    const auto once = [work = std::move(work)] {
      work();
      return true;
    };
    const std::lock_guard lock(mutex_);
    queued_[stream].push_back({once, false});
  }
  static void add_waiting(void* stream, Work work) {
    const std::lock_guard lock(mutex_);
    queued_[stream].push_back({std::move(work), true});
  }

  /// True once everything is done.
  static bool advance(void* stream) {
    const std::lock_guard lock(mutex_);
    if (queued_[stream].empty()) return true;
    DeviceHeap::instance().open();
    if (!run(queued_[stream], false)) {
      for (auto& [other, queue] : queued_) {
        if (other != stream) run(queue, true);
      }
    }
    const bool done = run(queued_[stream], false);
    DeviceHeap::instance().close();
    if (done) queued_.erase(stream);
    return done;
  }

  static void wait_for(void* stream) {
    while (!advance(stream)) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }

 private:
  struct Item {
    Work work;
    bool waits;  ///< maybe, for another stream's
  };
  using Queue = std::deque<Item>;

  /// Does what can be done: all, or only as far as the last that waits. True if none is left.
  static bool run(Queue& queue, bool only_waiting) {
    const auto waits = [](const Item& item) { return item.waits; };
    while (!queue.empty()) {
      if (only_waiting && std::none_of(queue.begin(), queue.end(), waits)) return false;
      if (!queue.front().work()) return false;
      queue.pop_front();
    }
    return true;
  }

  inline static std::mutex mutex_;
  inline static std::map<void*, Queue> queued_;
};

}  // namespace skimp::emulation
