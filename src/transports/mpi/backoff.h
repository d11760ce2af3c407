/// \file
/// How to wait for what can only be polled.
#pragma once

#include <sched.h>

#include <algorithm>
#include <thread>

#include "transports/transport.h"

namespace skimp {

/// Spins while an answer from a running peer may come, then gives the core to others that can run
/// (with more ranks than cores that is often the very peer), then sleeps for growing times, so that
/// a long wait leaves the cores to whoever computes. Not earlier: over TCP, MPI moves data only
/// while it is polled, so sleeping in the middle of a transfer slows it down.
class Backoff {
 public:
  explicit Backoff(TimePoint until) : until_(until) {}

  /// Waits a little; false once `until` has passed.
  bool wait() {
    ++polls_;
    if (polls_ <= spins) return polls_ % 16 != 0 || Clock::now() < until_;
    const TimePoint now = Clock::now();
    if (now >= until_) return false;
    if (polls_ == spins + 1) sleep_at_ = now + yield_time;
    if (now < sleep_at_) {
      sched_yield();
    } else {
      std::this_thread::sleep_for(std::min<Clock::duration>(sleep_, until_ - now));
      sleep_ = std::min(2 * sleep_, longest_sleep);
    }
    return true;
  }

 private:
  static constexpr int spins = 64;
  static constexpr std::chrono::microseconds yield_time{50000};
  static constexpr std::chrono::microseconds longest_sleep{200};

  const TimePoint until_;
  int polls_ = 0;
  TimePoint sleep_at_;
  std::chrono::microseconds sleep_{20};
};

}  // namespace skimp
