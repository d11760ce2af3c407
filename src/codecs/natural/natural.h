/// \file
/// Natural: every value rounded to a power of two; sign and exponent, 8 bits an element.
///
/// Paper: Horváth et al., Natural Compression for Distributed Deep Learning (2019), which sends the
/// 9 bits of a float32's sign and exponent. Here exponents count from one of the block, which
/// leaves 7 bits for them: powers from the block's largest value down to 2^−126 of it, for every
/// type. What is smaller becomes zero or that power. Rounding is to the nearest power by default,
/// which with error feedback converges better: the error is at most a third of a value, ‖x −
/// decoded‖² ≤ ‖x‖²/9. Stochastic rounding is the paper's: unbiased, with a variance of at most
/// ‖x‖²/8.
///
/// The exception: the scale can be at most the largest power of two of the accumulator's type, so
/// values above that are rounded down, where the error is up to half of them.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "natural(block=2048,rounding=nearest,seed=0)": block is a multiple of 32 up to 8192, rounding
/// nearest or stochastic. The seed matters to stochastic rounding only.
CodecPtr make_natural(Arguments& arguments);
CodecPtr natural_from_parameter(std::uint64_t parameter);

}  // namespace skimp
