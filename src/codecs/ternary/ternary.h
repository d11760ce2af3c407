/// \file
/// Ternary: −1, 0 or +1 times one scale a block, five elements to a byte.
///
/// Paper: Wen et al., TernGrad: Ternary Gradients to Reduce Communication in Distributed Deep
/// Learning (NeurIPS 2017), where the scale is the largest magnitude and rounding is stochastic:
/// that is quantize(bits=2,rounding=stochastic), unbiased, and far off on most elements. Here, for
/// error feedback, both aim at a small error:
/// 1. The scale s is the mean of the magnitudes that are at least 3/4 of their block's mean, the
///    threshold of Li et al., Ternary Weight Networks (2016), rounded up from 0.7. The best is 0.77
///    for normal values and 1 for Laplace's.
/// 2. Every value is rounded to the nearest of −s, 0 and s, so no error exceeds its value.
///
/// With K the n_K elements of step 1 the error is at most ‖x‖₂² − ‖x_K‖₁²/n_K. Those outside K hold
/// less than 3/4 of ‖x‖₁, and the mean in K is no less than in all, so this is at most (1 −
/// ‖x‖₁²/(4n‖x‖₂²))‖x‖₂², and ‖x‖₁ ≥ ‖x‖₂: a contraction with δ ≥ 1/(4n) in a block of n. For
/// normal values δ is 0.81, where sign has 0.64.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "ternary(block=2048)": block is a multiple of 32 up to 8192.
CodecPtr make_ternary(Arguments& arguments);
CodecPtr ternary_from_parameter(std::uint64_t parameter);

}  // namespace skimp
