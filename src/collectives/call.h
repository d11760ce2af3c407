/// \file
/// What a caller asks for, before an algorithm is chosen.
#pragma once

#include <string>

#include "codecs/codec.h"
#include "skimp/skimp.h"

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
};

/// Where a rank stands.
struct World {
  int rank = 0;
  int size = 1;
  bool shared_memory = true;
};

/// What sums are divided by.
inline double divisor_of(const Call& call, const World& world) {
  return call.op == SKIMP_MEAN ? world.size : 1;
}

inline const char* name_of(skimp_collective collective) {
  switch (collective) {
    case SKIMP_ALLREDUCE: return "allreduce";
    case SKIMP_REDUCE_SCATTER: return "reduce_scatter";
    case SKIMP_ALLGATHER: return "allgather";
    case SKIMP_BROADCAST: return "broadcast";
  }
  return "unknown";
}

}  // namespace skimp
