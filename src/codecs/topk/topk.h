/// \file
/// TopK: the k largest magnitudes and their indices, exactly k, ties to the lower index.
///
/// Paper: Stich et al., Sparsified SGD with Memory (NeurIPS 2018). Where we differ: values may be
/// sent in 16 bits under a power-of-two scale per frame, so that neither loss-scaled nor tiny
/// gradients overflow (the rounding error goes to the residual), and indices are coded by the
/// smallest of three codings (indices.h), near their entropy at densities of use.
///
/// Encoding (selection.h):
/// 1. Guess, from a sample, a magnitude that a little more than k elements exceed.
/// 2. One pass adds input and residual, writes the sums as the new residual, and lists those above
///    the guess.
/// 3. The k-th largest of the list is the k-th largest of all, if it holds k or more and had room;
///    if not, it is found by histograms over all elements, in a few passes (keys.h). The largest
///    finite magnitude sets the scale.
/// 4. Values and indices of what is kept are coded; what rounding them loses replaces the residual
///    there.
/// Time is linear in count whatever the data; the guess changes the speed and never the result.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "topk(density=0.01,values=float32)" or "topk(k=100,values=float16)": values is float32, float16
/// or bfloat16. float16 is the better default of the 16-bit two: the scale takes care of range, and
/// it has three more bits.
CodecPtr make_topk(Arguments& arguments);
CodecPtr topk_from_parameter(std::uint64_t parameter);

}  // namespace skimp
