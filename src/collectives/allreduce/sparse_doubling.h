/// \file
/// Allreduce of selected elements by recursive doubling: SparCML's static sparse allreduce with its
/// switch to dense (Renggli et al., SC 2019).
///
/// Let Q be the largest power of two up to P.
/// 1. Each rank encodes its whole input once, as in `gather`; what that leaves out is its residual.
/// 2. Rank Q + i sends its payload to rank i, who adds it to its own.
/// 3. In round i = 0 … log₂ Q − 1, rank r < Q exchanges its sum with rank r xor 2^i and adds what
///    it receives. A rank that has only its own elements sends its payload as encoded; sums travel
///    as entries in the accumulator's type, or as all values once those are no larger
///    (partial_sum.h). So nothing is lost on the way.
/// 4. Rank i < P − Q sends the whole sum to rank Q + i.
///
/// Sums are those of blocks of ranks, in a fixed tree: the same bits on every rank. With top-k the
/// result has up to k·P non-zeros, as by `gather`, in log₂ P rounds instead of one and with fewer
/// bytes where ranks select the same elements or the sum fills up. Sizes depend on the data; the
/// cost is a bound, for selections that have no element in common.
///
/// SparCML adds indices and values as they are; here a payload is the codec's own at first, and
/// indices are coded (codecs/topk/indices.h), which puts off the switch.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm sparse_doubling;

}  // namespace skimp
