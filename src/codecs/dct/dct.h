/// \file
/// Dct: the largest coefficients of the cosine transforms of short chunks, in place of the largest
/// elements.
///
/// Paper: Peng, Quesnelle & Kingma, DeMo: Decoupled Momentum Optimization (2024). The array is cut
/// into chunks, each is transformed (DCT-II, orthonormal), another codec selects of all
/// coefficients, and decoders transform back. What neighbours have in common gathers in few
/// coefficients, so that as many entries deliver more where neighbours are alike, and as much or
/// less where they are not. Where we differ: chunks are of the array as it lies in memory, not of
/// the rows and columns of matrices; the selection may be over the whole array (topk), over blocks
/// (block_topk with block = chunk is DeMo's) or by size (threshold).
///
/// The transform keeps lengths, so the contraction factor is that of the other codec on
/// coefficients, but for rounding.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "dct(codec=topk(density=0.01,values=float32),chunk=64)": codec is a text of topk, block_topk or
/// threshold; chunk a power of two from 8 to 256.
CodecPtr make_dct(Arguments& arguments);
CodecPtr dct_from_parameter(std::uint64_t parameter);

}  // namespace skimp
