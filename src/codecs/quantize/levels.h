/// \file
/// Quantize: a value as a level of its block, and back. A code is a level q from −L to L plus L,
/// one byte here; `planes.h` packs codes into fewer bits.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/numbers.h"

namespace skimp::quantize {

/// L, the largest level of a code of `bits` bits. The code 2L + 1 is left over.
SKIMP_HOST_DEVICE constexpr int largest_level(int bits) { return (1 << (bits - 1)) - 1; }

/// x to the nearest integer, ties to even, never −0, for |x| far below 2^22: the sum with
/// 1.5·2^23 (1.5·2^52 for double) has no room for a fraction.
template <class Value>
SKIMP_HOST_DEVICE Value nearest_integer(Value x) {
  constexpr Value shifter =
      static_cast<Value>(3) * static_cast<Value>(std::uint64_t{1} << (fraction_bits<Value> - 1));
  return (x + shifter) - shifter;
}

/// The integer below or above x, for |x| as above: above with the probability of the fraction,
/// which is compared with the upper 24 bits of a random word.
template <class Value>
SKIMP_HOST_DEVICE Value random_integer(Value x, std::uint32_t word) {
  const Value nearest = nearest_integer(x);
  const Value floor = nearest > x ? nearest - Value{1} : nearest;
  const Value u =
      static_cast<Value>(static_cast<std::int32_t>(word >> 8)) * static_cast<Value>(0x1p-24);
  return floor + (u < x - floor ? Value{1} : Value{0});
}

/// x / divisor, given the divisor's inverse: far from the ends of the range a product and a
/// correction round as division does (Markstein, Computation of Elementary Functions on the IBM
/// RISC System/6000 Processor, 1990). For where division is slow.
template <class Value>
SKIMP_HOST_DEVICE Value quotient(Value x, Value divisor, Value inverse) {
  const Value near = x * inverse;
  return std::fma(std::fma(-near, divisor, x), inverse, near);
}

/// Whether quotients by a scale round as division does.
template <class Value>
SKIMP_HOST_DEVICE bool is_moderate(Value scale) {
  return scale > static_cast<Value>(0x1p-60) && scale < static_cast<Value>(0x1p60);
}

/// The levels of a block, whose scale is finite. `fused`: the processor adds products in one step.
/// No bit depends on it.
template <class Value, bool fused>
class Levels {
 public:
  SKIMP_HOST_DEVICE Levels(Value scale, int largest)
      : scale_(scale),
        divisor_(scale == Value{0} ? Value{1} : scale),  // Zeros have scale 0: x = 0 / 1.
        inverse_(1 / divisor_),
        largest_(largest),
        levels_(static_cast<Value>(largest)),
        inverse_levels_(1 / levels_) {}

  /// x / scale · L, from −L to L.
  SKIMP_HOST_DEVICE Value position_of(Value x) const { return (x / divisor_) * levels_; }

  /// The same by a quotient, for a moderate scale. Values far below the scale may come to lie
  /// elsewhere between levels, but next to zero.
  SKIMP_HOST_DEVICE Value quick_position_of(Value x) const {
    return quotient(x, divisor_, inverse_) * levels_;
  }

  SKIMP_HOST_DEVICE std::uint8_t code_of(Value level) const {
    return static_cast<std::uint8_t>(static_cast<std::int32_t>(level) + largest_);
  }
  SKIMP_HOST_DEVICE Value level_of(std::int32_t code) const {
    return static_cast<Value>(code - largest_);
  }

  /// level / L · scale
  SKIMP_HOST_DEVICE Value value_of(Value level) const {
    if (largest_ == 1) return level * scale_;
    const Value part = fused ? quotient(level, levels_, inverse_levels_) : level / levels_;
    return part * scale_;
  }

 private:
  Value scale_;
  Value divisor_;
  Value inverse_;
  int largest_;
  Value levels_;
  Value inverse_levels_;
};

}  // namespace skimp::quantize
