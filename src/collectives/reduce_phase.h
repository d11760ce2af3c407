/// \file
/// The first phase of every lossy sum: each rank encodes the shards that it does not own and sends
/// each to its owner, who adds what it receives in rank order, segment by segment.
///
/// A rank never compresses its own shard for itself: it adds it exactly, in its place in the order.
/// A robust reduction keeps what it receives side by side in place of adding it.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "collectives/robust.h"
#include "collectives/scatter_phase.h"

namespace skimp {

class ReducePhase : public ScatterPhase {
 public:
  using Visit = std::function<void(Run&, Coder&, std::size_t, const void*)>;

  /// Rank r owns shards[r].
  ReducePhase(const Call& call, const World& world, std::vector<Shard> shards);

  /// Waits for the others' payloads of this rank's own segments, in order, and calls
  /// visit(run, coder, segment, sum) with the sum (or what else the call's op asks for) of each
  /// over all ranks, in the accumulator's type, on several threads if there are; then, on the
  /// calling thread, after(begin, end) for those segments that are done.
  void for_each_sum(Run& run, const Visit& visit,
                    const std::function<void(std::size_t, std::size_t)>& after);

  /// The residual on a rank's own shard, where it encodes results and not its input. Sums took it
  /// in with the rank's own values; to a robust result, which might not follow one rank's values,
  /// it is still to be added. Null: nothing is.
  const void* residual_of_result(const Run& run) const {
    return robust_ ? run.residual_in : nullptr;
  }

 private:
  Output place_of(int rank, int thread) const;
  void add_own(Run& run, const Slice& slice, const Output& output) const;

  std::optional<RobustReduction> robust_;
  std::vector<PlacedMemory> sums_;  ///< of one segment each, by thread; robust: a row for each rank
};

}  // namespace skimp
