/// \file
/// LowRank: a matrix as the product of two thin ones, P̂·Qᵀ, whose sums over ranks are the factors
/// of a sum: one power iteration a step.
///
/// Paper: Vogels et al., PowerSGD: Practical Low-Rank Gradient Compression for Distributed
/// Optimization (NeurIPS 2019), with its warm start. Where we differ: a residual is what this
/// rank's own Q leaves, not what the mean leaves, so that nothing is lost over all ranks whatever
/// each of them held; columns of the memory are made orthonormal, and those that have vanished are
/// drawn anew; matrices whose factors would not be smaller travel uncompressed, as vectors do.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "lowrank(rank=4,warm_start=yes,shapes=512x128+128)": what the array is made of, in order. A
/// codec without shapes can be named and can decode, but not encode.
CodecPtr make_lowrank(Arguments& arguments);
CodecPtr lowrank_from_parameter(std::uint64_t parameter);

}  // namespace skimp
