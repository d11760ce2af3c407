/// \file
/// Each rank encodes the shards of its input that it does not own and sends each to its owner: the
/// exchange of every lossy sum, and of alltoall.
#pragma once

#include <string>
#include <vector>

#include "collectives/workers.h"

namespace skimp {

class ScatterPhase {
 public:
  /// Rank r owns shards[r].
  ScatterPhase(const Call& call, const World& world, std::vector<Shard> shards);

  /// Makes room for what the others send. Comes before send, so that nobody waits for room.
  void expect(Run& run);

  /// Encodes and sends; what the payloads leave out becomes the residual of those shards.
  void send(Run& run);

  /// Waits for the others' frames of this rank's next `segments` segments: that of segment i from
  /// rank r is the one at i · ranks + r. Those of this rank itself are empty.
  std::vector<Frame> receive(Run& run, std::size_t segments);

  /// Those frames have been decoded.
  void release(Run& run, const std::vector<Frame>& frames);

  const Shard& own() const { return shards_[static_cast<std::size_t>(world_.rank)]; }

  /// Bytes that rank `world.rank` sends, headers counted.
  static std::uint64_t bytes_sent(const Call& call, const World& world,
                                  const std::vector<Shard>& shards);

 protected:
  Call call_;
  World world_;
  Workers workers_;

 private:
  std::vector<Shard> shards_;
  std::vector<PayloadRoom> outgoing_;  ///< payloads for every other rank
  std::vector<PayloadRoom> incoming_;  ///< and from every other rank
};

/// \name For collectives that deal the input to the ranks in equal parts
/// @{
std::vector<Shard> equal_shards(const Call& call, const World& world);
std::string refuses_uneven(const Call& call, const World& world);
/// @}

}  // namespace skimp
