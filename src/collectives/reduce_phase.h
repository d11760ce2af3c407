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
#include "collectives/workers.h"

namespace skimp {

class ReducePhase {
 public:
  using Visit = std::function<void(Run&, Coder&, std::size_t, const void*)>;

  /// Rank r owns shards[r].
  ReducePhase(const Call& call, const World& world, std::vector<Shard> shards);

  /// Makes room for what the others send. Comes before send, so that nobody waits for room.
  void expect(Run& run);

  /// Encodes and sends; what the payloads leave out becomes the residual of those shards.
  void send(Run& run);

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

  const Shard& own() const { return shards_[static_cast<std::size_t>(world_.rank)]; }

  /// Bytes that rank `world.rank` sends, headers counted.
  static std::uint64_t bytes_sent(const Call& call, const World& world,
                                  const std::vector<Shard>& shards);

 private:
  Output place_of(int rank, int thread) const;
  void add_own(Run& run, const Slice& slice, const Output& output) const;

  Call call_;
  World world_;
  std::vector<Shard> shards_;
  Workers workers_;
  std::vector<PayloadRoom> outgoing_;  ///< payloads for every other rank
  std::vector<PayloadRoom> incoming_;  ///< and from every other rank
  std::optional<RobustReduction> robust_;
  std::vector<Buffer>
      sums_;  ///< of one segment each, by thread; with `robust_`, a row for each rank
};

}  // namespace skimp
