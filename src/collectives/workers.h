/// \file
/// Codec work on several threads of a rank, or on a device. Messages are the calling thread's
/// alone.
#pragma once

#include <vector>

#include "base/team.h"
#include "collectives/device_queue.h"
#include "collectives/place.h"
#include "collectives/slices.h"

namespace skimp {

class Workers {
 public:
  Workers(const Call& call, const World& world)
      : on_device_(call.device != host_memory),
        team_(on_device_ ? nullptr : world.team),
        coders_(team_ == nullptr ? 1 : static_cast<std::size_t>(team_->threads())) {}

  int threads() const { return static_cast<int>(coders_.size()); }

  /// Tasks that are done before messages are looked at again: enough that threads seldom wait for
  /// one another, or the host for the device, and one where there is one thread.
  std::size_t batch() const {
    if (on_device_) return 8;
    return coders_.size() == 1 ? 1 : 4 * coders_.size();
  }

  /// Calls body(run, coder, task, thread) for tasks 0 … tasks − 1. Each thread has a coder and a
  /// run of its own, whose counts are added to `run`; the body uses its messenger to lend room
  /// only. No result may depend on the thread. Headers and payloads are complete on return.
  template <class Body>
  void for_each(Run& run, std::size_t tasks, const Body& body) {
    if (coders_.size() == 1 || tasks < 2) {
      for (std::size_t task = 0; task < tasks; ++task) body(run, coders_[0], task, 0);
      if (on_device_ && run.queue->has_open_headers()) settle(run);
      return;
    }
    std::vector<Run> runs(coders_.size(), run.without_counts());
    team_->run(tasks, [&](std::size_t task, int thread) {
      const auto t = static_cast<std::size_t>(thread);
      body(runs[t], coders_[t], task, thread);
    });
    for (const Run& part : runs) run.add_counts(part);
  }

 private:
  bool on_device_;
  Team* team_;
  std::vector<Coder> coders_;
};

}  // namespace skimp
