/// \file
/// Sign: one bit an element and one scale a block, the mean magnitude of the block.
///
/// Paper: Seide et al., 1-Bit Stochastic Gradient Descent (Interspeech 2014); Karimireddy et al.,
/// Error Feedback Fixes SignSGD (ICML 2019), Algorithm 1, where the scale is that of the whole
/// vector. Here it is one per block, which follows layers of different size. With the mean
/// magnitude, the error is ‖x‖² − ‖x‖₁²/n ≤ (1 − 1/n)‖x‖² in a block of n: always a contraction.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "sign(block=2048)": block is a multiple of 32 up to 8192.
CodecPtr make_sign(Arguments& arguments);
CodecPtr sign_from_parameter(std::uint64_t parameter);

}  // namespace skimp
