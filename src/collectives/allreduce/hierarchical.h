/// \file
/// Allreduce for ranks that share nodes, whose memory is faster than the network between them.
///
/// 1. Within each node the values are added up exactly: of the s ranks of the smallest node, and as
///    many of every other, each gets the sum of one shard.
/// 2. Between the nodes the owners of a shard reduce it by `two_phase` (`gather` where that cannot
///    run), compressed. What that leaves out is the owner's new residual.
/// 3. Within each node the owners send their shards of the result, exactly.
///
/// So a node with s ranks or more sends 2(N−1)/N payloads in all over the network of N nodes, as
/// one rank would, and each of s ranks a part of it. Nodes may have different numbers of ranks.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm hierarchical;

}  // namespace skimp
