/// \file
/// BlockTopK: of each block the k largest magnitudes, ties to the lower index.
///
/// Papers: Aji & Heafield, Sparse Communication for Distributed Gradient Descent (EMNLP 2017),
/// where layers keep their own; Stich et al., Sparsified SGD with Memory (NeurIPS 2018). Against
/// topk: a block depends on itself alone, so that large arrays travel in segments and are shared
/// out among threads, and every layer gets its share; but a block of small values keeps as many as
/// one of large ones, so less of the whole is delivered. ‖x − decoded‖² ≤ (1 − k/block)‖x‖², as
/// topk's.
///
/// Values and indices are coded as topk codes those of an array, with an exponent a block for
/// values of 16 bits.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "block_topk(density=0.01,block=1024,values=float32)", or k in place of density: of each block.
/// block is a multiple of 32 up to 8192; values is float32, float16 or bfloat16.
CodecPtr make_block_topk(Arguments& arguments);
CodecPtr block_topk_from_parameter(std::uint64_t parameter);

}  // namespace skimp
