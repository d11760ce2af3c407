/// \file
/// A word's bits as signs.
#pragma once

#include <bit>
#include <cstdint>

#include "base/numbers.h"
#include "codecs/sign_bits.h"

namespace skimp::sign {

template <class Value>
inline constexpr BitsOf<Value> sign_mask = BitsOf<Value>{1} << (sizeof(Value) * 8 - 1);

/// The opposite of sign_bits: x[j] is `magnitude` with the sign of bit j.
template <class Value>
void apply_signs(std::uint32_t word, Value magnitude, Value* x) {
  using Bits = BitsOf<Value>;
  for (std::uint64_t j = 0; j < 32; ++j) {
    const Bits sign = (word & lane_bits[j]) != 0 ? sign_mask<Value> : Bits{0};
    x[j] = std::bit_cast<Value>(std::bit_cast<Bits>(magnitude) | sign);
  }
}

}  // namespace skimp::sign
