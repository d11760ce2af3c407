/// \file
/// Allreduce in two phases, for every codec that can encode shards.
///
/// 1. Reduce (reduce_phase.h): each rank encodes the shards that it does not own and sends each to
///    its owner, who decodes and adds them to its own, exact values in rank order.
/// 2. Broadcast: the owner encodes the sum with the broadcast codec and sends it to all. Everyone,
///    the owner too, decodes the same bytes, divides for the mean and rounds: the same bits.
///
/// What the broadcast leaves out of a sum is added to the owner's residual on its own shard, where
/// the first phase left nothing: Σ (input + old residual) = Σ outputs·P/P + Σ new residuals, with
/// one residual of `count` elements a rank and no server state. (Tang et al., DoubleSqueeze, ICML
/// 2019, and 1-bit Adam keep a second residual on the server and compress their own shard too.)
///
/// Cost per rank: about 2(P−1)/P payloads in two rounds. Two losses instead of the P−1 of a ring
/// that requantises at every hop. Shards begin at multiples of both codecs' blocks; owners of empty
/// shards (small arrays) send nothing in phase 2.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm two_phase;

}  // namespace skimp
