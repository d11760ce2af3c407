/// \file
/// The first phase of every lossy sum: each rank encodes the shards that it does not own and sends
/// each to its owner, who adds what it receives in rank order, segment by segment.
///
/// A rank never compresses its own shard for itself: it adds it exactly, in its place in the order.
#pragma once

#include <functional>
#include <vector>

#include "collectives/scatter_phase.h"

namespace skimp {

class ReducePhase : public ScatterPhase {
 public:
  using Visit = std::function<void(Run&, Coder&, std::size_t, const void*)>;

  /// Rank r owns shards[r].
  ReducePhase(const Call& call, const World& world, std::vector<Shard> shards);

  /// Waits for the others' payloads of this rank's own segments, in order, and calls
  /// visit(run, coder, segment, sum) with the sum of each over all ranks, in the accumulator's
  /// type, on several threads if there are; then, on the calling thread, after(begin, end) for
  /// those segments that are done.
  void for_each_sum(Run& run, const Visit& visit,
                    const std::function<void(std::size_t, std::size_t)>& after);

 private:
  void add_own(Run& run, const Slice& slice, void* sum, bool first) const;

  std::vector<Buffer> sums_;  ///< of one segment each, by thread
};

}  // namespace skimp
