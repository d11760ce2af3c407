/// \file
/// Reduce-scatter: the first phase of a two-phase sum with `world_size` equal shards. A rank's own
/// shard is added exactly, so what it gets has P−1 losses of its peers and none of its own; its
/// residual there becomes zero. Blocks of the codec restart at each shard.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm reduce_scatter_direct;

}  // namespace skimp
