/// \file
/// Threshold: every element whose magnitude reaches a threshold, however many these are.
///
/// Papers: Strom, Scalable Distributed DNN Training Using Commodity GPU Cloud Computing
/// (Interspeech 2015), whose elements of one threshold's size we send with their values; Aji &
/// Heafield, Sparse Communication for Distributed Gradient Descent (EMNLP 2017). Against topk:
/// nothing is selected, so that one comparison an element suffices, and steps with little to say
/// send little; but the payload's size is only known when it is made, and room for all elements
/// must be there.
///
/// - `magnitude=t` keeps |x| ≥ t. What is left out is below t, element by element (or what 16 bits
///   round off larger ones), so with feedback no residual grows beyond it; but where all values are
///   small nothing is delivered: no contraction.
/// - `fraction=f` keeps |x| ≥ f·m, m being the largest magnitude of the array: a contraction, since
///   of n elements it keeps the largest, ‖x − decoded‖² ≤ (1 − 1/(1 + (n − 1)f²))‖x‖².
///   A multiple of the root mean square would be neither: above 1 it may keep nothing for ever.
///
/// Zeros are never kept; NaN and Inf are. Values and indices are coded as topk codes its own.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "threshold(magnitude=0.01,values=float32)", or fraction in place of magnitude; values is
/// float32, float16 or bfloat16.
CodecPtr make_threshold(Arguments& arguments);
CodecPtr threshold_from_parameter(std::uint64_t parameter);

}  // namespace skimp
