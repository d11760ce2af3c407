/// \file
/// Float: every value rounded to a smaller floating-point format, and one power of two a block.
///
/// Formats: e4m3 and e5m2 of Micikevicius et al., FP8 Formats for Deep Learning (2022), and the
/// OCP's specification; IEEE float16; bfloat16. Rounding is to nearest, ties to even, and denormals
/// are kept.
///
/// The scale of a block is the least power of two that brings its values within the format, so that
/// neither huge nor tiny gradients are lost: in a block, what is 2^17 times smaller than its
/// largest value is kept by e4m3, 2^31 times by e5m2, 2^39 times by float16. A power of two makes
/// scaling exact, so that rounding is the only error, and numbers that are in the format already
/// come back as they are; and nothing is ever saturated but where rounding up would leave the range
/// of the values themselves. All four formats have the scale, bfloat16 too: it has the range of a
/// float32, and that of a float64 only so.
///
/// With M bits of fraction the error is at most 2^−(M+1) of a value, or half the least denormal,
/// and never more than the value: a contraction.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "float(format=e4m3,block=2048)": format is e4m3, e5m2, float16 or bfloat16; block a multiple of
/// 32 up to 8192. e4m3 is the better of the two bytes: the scale takes care of range, and it has
/// one bit more.
CodecPtr make_float(Arguments& arguments);
CodecPtr float_from_parameter(std::uint64_t parameter);

}  // namespace skimp
