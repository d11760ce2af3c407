/// \file
/// Codec work on several threads of a rank. Messages are the calling thread's alone.
#pragma once

#include <vector>

#include "base/team.h"
#include "collectives/slices.h"

namespace skimp {

class Workers {
 public:
  explicit Workers(const World& world)
      : team_(world.team),
        coders_(team_ == nullptr ? 1 : static_cast<std::size_t>(team_->threads())) {}

  int threads() const { return static_cast<int>(coders_.size()); }

  /// Tasks that are done before messages are looked at again: enough that threads seldom wait for
  /// one another, and one where there is one thread.
  std::size_t batch() const { return coders_.size() == 1 ? 1 : 4 * coders_.size(); }

  /// Calls body(run, coder, task, thread) for tasks 0 … tasks − 1. Each thread has a coder and a
  /// run of its own, whose counts are added to `run`; the body must not use its messenger. No
  /// result may depend on the thread.
  template <class Body>
  void for_each(Run& run, std::size_t tasks, const Body& body) {
    if (coders_.size() == 1 || tasks < 2) {
      for (std::size_t task = 0; task < tasks; ++task) body(run, coders_[0], task, 0);
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
  Team* team_;
  std::vector<Coder> coders_;
};

}  // namespace skimp
