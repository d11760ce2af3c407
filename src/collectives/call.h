/// \file
/// What a caller asks for, before an algorithm is chosen.
#pragma once

#include <string>
#include <vector>

#include "base/stream.h"
#include "base/team.h"
#include "codecs/codec.h"
#include "collectives/mix/graph.h"
#include "device/placed.h"
#include "skimp/skimp.h"
#include "transports/device_link.h"

namespace skimp {

struct Call {
  skimp_collective collective = SKIMP_ALLREDUCE;
  std::uint64_t count = 0;  ///< elements of one rank's input
  DType dtype = DType::float32;
  skimp_op op = SKIMP_MEAN;
  CodecPtr codec;
  CodecPtr broadcast_codec;
  bool broadcast_codec_given = false;  ///< asked for, and not the codec's default
  skimp_nonfinite nonfinite = SKIMP_PROPAGATE;
  int root = 0;
  int trim = 0;              ///< of trimmed_mean; 0: a quarter of the ranks
  GraphPtr graph;            ///< of mix; null for others
  double step_size = 0;      ///< of mix
  int device = host_memory;  ///< where input, output and residual lie; ranks may differ
};

/// Elements of a segment, unless told otherwise: large enough to hide what a message costs, and a
/// MiB of sums mostly stays in the cache while all ranks' payloads are added to them.
inline constexpr std::uint64_t default_segment = SKIMP_SEGMENT;

/// Where a rank stands, and how it cuts its work.
struct World {
  int rank = 0;
  int size = 1;
  bool shared_memory = true;
  std::uint64_t segment = default_segment;  ///< elements; 0: shards are not cut
  Team* team = nullptr;                     ///< threads for codecs; null: the calling one
  std::vector<int> nodes{};                 ///< of each rank, any numbers; empty: not known
  const DeviceLink* link = nullptr;         ///< for payloads of arrays on devices; null: none
  std::vector<int> members{};  ///< as ranks of the communicator; empty: it is all of that

  /// What messages and random numbers know `member` of this world as.
  int rank_of(int member) const {
    return members.empty() ? member : members[static_cast<std::size_t>(member)];
  }
  /// What they know all members but this rank as.
  std::vector<int> others() const {
    std::vector<int> ranks;
    for (int member = 0; member < size; ++member) {
      if (member != rank) ranks.push_back(rank_of(member));
    }
    return ranks;
  }
};

/// Where the payloads of a call lie.
inline PayloadPlace payload_place(const Call& call, const World& world) {
  return {call.device,
          call.device != host_memory && world.link != nullptr && world.link->takes(call.device)};
}

/// Values of the residual of a call: as many as its input has, and for mix three times that.
inline std::uint64_t residual_count(const Call& call) {
  return call.collective == SKIMP_MIX ? 3 * call.count : call.count;
}

/// Whether arrays of this call are too large to stay in the cache (see base/stream.h).
inline bool is_streamed(const Call& call) {
  return is_streamed(call.count * bytes_of(accumulator_of(call.dtype)));
}

/// What sums are divided by.
inline double divisor_of(const Call& call, const World& world) {
  return call.op == SKIMP_MEAN ? world.size : 1;
}

inline const char* name_of(skimp_op op) {
  switch (op) {
    case SKIMP_MEAN: return "mean";
    case SKIMP_SUM: return "sum";
    case SKIMP_MEDIAN: return "median";
    case SKIMP_TRIMMED_MEAN: return "trimmed_mean";
    case SKIMP_VOTE: return "vote";
  }
  return "unknown";
}

inline const char* name_of(skimp_collective collective) {
  switch (collective) {
    case SKIMP_ALLREDUCE: return "allreduce";
    case SKIMP_REDUCE_SCATTER: return "reduce_scatter";
    case SKIMP_ALLGATHER: return "allgather";
    case SKIMP_BROADCAST: return "broadcast";
    case SKIMP_MIX: return "mix";
    case SKIMP_ALLTOALL: return "alltoall";
  }
  return "unknown";
}

}  // namespace skimp
