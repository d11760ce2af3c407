/// \file
/// The first phase of every lossy sum: each rank encodes the shards that it does not own and sends
/// each to its owner, who adds what it receives in rank order.
///
/// A rank never compresses its own shard for itself: it adds it exactly, in its place in the order.
#pragma once

#include <vector>

#include "collectives/slices.h"

namespace skimp {

class ReducePhase {
 public:
  /// Rank r owns slices[r].
  ReducePhase(const Call& call, const World& world, std::vector<Slice> slices);

  /// Encodes and sends; what the payloads leave out becomes the residual of those shards.
  void send(Run& run);

  /// Waits for the others' payloads and returns the sum over all ranks of this rank's own shard, in
  /// the accumulator's type.
  const void* sum(Run& run);

  const Slice& own() const { return slices_[static_cast<std::size_t>(world_.rank)]; }

  /// Bytes that rank `world.rank` sends, headers counted.
  static std::uint64_t bytes_sent(const Call& call, const World& world,
                                  const std::vector<Slice>& slices);

 private:
  void add_own(Run& run, bool first);

  Call call_;
  World world_;
  std::vector<Slice> slices_;
  Coder coder_;
  std::vector<Buffer> outgoing_;  ///< a payload for every other rank
  std::vector<Buffer> incoming_;  ///< and one from every other rank
  Buffer sum_;
};

}  // namespace skimp
