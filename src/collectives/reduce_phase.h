/// \file
/// The first phase of every lossy sum: each rank encodes the shards that it does not own and sends
/// each to its owner, who adds what it receives in rank order, segment by segment.
///
/// A rank never compresses its own shard for itself: it adds it exactly, in its place in the order.
#pragma once

#include <functional>
#include <vector>

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
  /// visit(run, coder, segment, sum) with the sum of each over all ranks, in the accumulator's
  /// type, on several threads if there are; then, on the calling thread, after(begin, end) for
  /// those segments that are done.
  void for_each_sum(Run& run, const Visit& visit,
                    const std::function<void(std::size_t, std::size_t)>& after);

  const Shard& own() const { return shards_[static_cast<std::size_t>(world_.rank)]; }

  /// Bytes that rank `world.rank` sends, headers counted.
  static std::uint64_t bytes_sent(const Call& call, const World& world,
                                  const std::vector<Shard>& shards);

 private:
  void add_own(Run& run, const Slice& slice, void* sum, bool first) const;

  Call call_;
  World world_;
  std::vector<Shard> shards_;
  Workers workers_;
  std::vector<PayloadRoom> outgoing_;  ///< payloads for every other rank
  std::vector<PayloadRoom> incoming_;  ///< and from every other rank
  std::vector<Buffer> sums_;           ///< of one segment each, by thread
};

}  // namespace skimp
