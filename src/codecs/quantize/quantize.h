/// \file
/// Quantize: 8, 4, 3 or 2 bits an element and one scale a block, the block's largest magnitude.
///
/// Paper: Alistarh et al., QSGD: Communication-Efficient SGD via Gradient Quantization (NeurIPS
/// 2017), where the scale is the 2-norm of the whole vector, rounding is stochastic and codes have
/// variable length. Here the scale is one per block and its largest magnitude, so that no level is
/// wasted; codes have a fixed length, so that the payload's size is known beforehand; and rounding
/// is to nearest by default, which with error feedback converges better: zero is a level, so no
/// element's error exceeds its magnitude and the largest has none, a contraction on any data.
/// Stochastic rounding is unbiased instead, for use without feedback; its error may exceed the
/// value, so it is no contraction.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "quantize(bits=8,block=256,rounding=nearest,seed=0)": bits is 8, 4, 3 or 2, block a multiple of
/// 32 up to 8192, rounding nearest or stochastic. Smaller blocks follow outliers better, at the
/// price of a scale each. The seed matters to stochastic rounding only.
CodecPtr make_quantize(Arguments& arguments);
CodecPtr quantize_from_parameter(std::uint64_t parameter);

}  // namespace skimp
