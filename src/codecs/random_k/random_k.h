/// \file
/// RandomK: the values at k random positions, the same ones on all ranks that share a seed, so that
/// no indices are sent and sums need no decoding.
///
/// Paper: Stich et al., Sparsified SGD with Memory (NeurIPS 2018); the subset by Floyd's algorithm
/// (Bentley and Floyd, CACM 1987), k draws whatever the count. Where we differ: values are not
/// multiplied by count / k. That would make the mean over subsets exact and the codec no
/// contraction; with error feedback what was left out arrives later anyway.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "random_k(density=0.01,seed=0)" or "random_k(k=100,seed=0)". Ranks must share the seed; the
/// subset changes from call to call by itself.
CodecPtr make_random_k(Arguments& arguments);
CodecPtr random_k_from_parameter(std::uint64_t parameter);

}  // namespace skimp
