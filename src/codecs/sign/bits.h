/// \file
/// A word's bits as signs.
#pragma once

#include <cstdint>

#include "codecs/sign/element.h"
#include "codecs/sign_bits.h"

namespace skimp::sign {

/// The opposite of sign_bits: x[j] is `magnitude` with the sign of bit j.
template <class Value>
void apply_signs(std::uint32_t word, Value magnitude, Value* x) {
  for (std::uint64_t j = 0; j < 32; ++j) x[j] = decoded(magnitude, (word & lane_bits[j]) != 0);
}

}  // namespace skimp::sign
