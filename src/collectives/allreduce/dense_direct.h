/// \file
/// Dense allreduce in two rounds: shards go straight to their owners, who add them in rank order;
/// sums go straight to everyone. Nothing is copied on the way: values are sent from the input, and
/// received into the output.
///
/// 2n(P−1)/P elements sent a rank in two rounds; the fastest where ranks share memory. Half-sized
/// types are summed in float32 and rounded once, after the division of the mean.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm dense_direct;

}  // namespace skimp
