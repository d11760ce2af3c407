/// \file
/// Dense allreduce around a ring: P−1 rounds in which partial sums travel to their owners, each
/// rank adding its part, and P−1 in which the sums travel on. Every rank sends to one neighbour and
/// receives from one: the best use of a network's links (Patarasuk & Yuan, JPDC 2009).
///
/// Shard s starts at rank s + 1 and ends at its owner s, so the order of its sum is fixed by the
/// ring. Partial sums of half-sized types travel as float32, their results in the type itself.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm dense_ring;

}  // namespace skimp
