/// \file
/// The first phase of every lossy sum: each rank encodes the shards that it does not own and sends
/// each to its owner, who adds what it receives in rank order, segment by segment.
///
/// A rank never compresses its own shard for itself: it adds it exactly, in its place in the order.
#pragma once

#include <vector>

#include "collectives/slices.h"

namespace skimp {

class ReducePhase {
 public:
  /// Rank r owns shards[r].
  ReducePhase(const Call& call, const World& world, std::vector<Shard> shards);

  /// Makes room for what the others send. Comes before send, so that nobody waits for room.
  void expect(Run& run);

  /// Encodes and sends; what the payloads leave out becomes the residual of those shards.
  void send(Run& run);

  /// Waits for the others' payloads and returns the sum over all ranks of a segment of this rank's
  /// own shard, in the accumulator's type. The next call overwrites it. Segments come in order.
  const void* sum(Run& run, std::size_t segment);

  const Shard& own() const { return shards_[static_cast<std::size_t>(world_.rank)]; }

  /// Bytes that rank `world.rank` sends, headers counted.
  static std::uint64_t bytes_sent(const Call& call, const World& world,
                                  const std::vector<Shard>& shards);

 private:
  void add_own(Run& run, const Slice& slice, bool first);

  Call call_;
  World world_;
  std::vector<Shard> shards_;
  Coder coder_;
  std::vector<PayloadRoom> outgoing_;  ///< payloads for every other rank
  std::vector<PayloadRoom> incoming_;  ///< and from every other rank
  Buffer sum_;                         ///< of one segment
};

}  // namespace skimp
