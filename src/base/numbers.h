/// \file
/// The bits of floating-point numbers: magnitudes that order as integers, NaN and Inf tests that
/// no compiler flag can remove, and the canonical NaN that every write uses.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "base/bits.h"
#include "base/half.h"

namespace skimp {

template <class Value>
using BitsOf = std::conditional_t<sizeof(Value) == 4, std::uint32_t, std::uint64_t>;

template <class Value>
inline constexpr int fraction_bits = sizeof(Value) == 4 ? 23 : 52;

template <class Value>
inline constexpr int exponent_bias = sizeof(Value) == 4 ? 127 : 1023;

/// |x| as an integer: larger magnitude, larger integer; Inf above all numbers, NaN above Inf.
template <class Value>
SKIMP_HOST_DEVICE inline BitsOf<Value> magnitude_bits(Value x) {
  return std::bit_cast<BitsOf<Value>>(x) & (~BitsOf<Value>{0} >> 1);
}

template <class Value>
inline constexpr BitsOf<Value> infinity_bits =
    sizeof(Value) == 4 ? BitsOf<Value>{0x7F800000u}
                       : static_cast<BitsOf<Value>>(0x7FF0000000000000u);

template <class Value>
SKIMP_HOST_DEVICE inline bool is_finite(Value x) {
  return magnitude_bits(x) < infinity_bits<Value>;
}

template <class Value>
SKIMP_HOST_DEVICE inline bool is_nan(Value x) {
  return magnitude_bits(x) > infinity_bits<Value>;
}

template <class Value>
SKIMP_HOST_DEVICE inline Value canonical_nan() {
  if constexpr (sizeof(Value) == 4) {
    return std::bit_cast<Value>(canonical_nan_bits);
  } else {
    return std::bit_cast<Value>(canonical_nan_bits64);
  }
}

/// 1 / x if multiplying by it gives the very bits that dividing by x does: a power of two, far from
/// the ends of the range. Else 0.
template <class Value>
SKIMP_HOST_DEVICE inline Value exact_inverse(Value x) {
  constexpr BitsOf<Value> fraction = (BitsOf<Value>{1} << fraction_bits<Value>)-1;
  const bool power_of_two = (std::bit_cast<BitsOf<Value>>(x) & fraction) == 0;
  return power_of_two && x >= Value{1} && x <= Value{1 << 30} ? 1 / x : Value{0};
}

/// ⌊log₂ x⌋ of a positive finite number, denormals too. Zero counts as half the least denormal.
template <class Value>
SKIMP_HOST_DEVICE inline int floor_log2(Value x) {
  const BitsOf<Value> bits = magnitude_bits(x);
  const int exponent = static_cast<int>(bits >> fraction_bits<Value>);
  if (exponent > 0) return exponent - exponent_bias<Value>;
  return bit_width(bits) - exponent_bias<Value> - fraction_bits<Value>;
}

/// 2^exponent, or the nearest power of two that there is. Denormal ones are powers too.
template <class Value>
SKIMP_HOST_DEVICE inline Value power_of_two(int exponent) {
  constexpr int least_normal = 1 - exponent_bias<Value>;
  constexpr int least = least_normal - fraction_bits<Value>;
  constexpr int most = exponent_bias<Value>;  // Of its own: devices cannot refer to the variable.
  exponent = std::clamp(exponent, least, most);
  const bool normal = exponent >= least_normal;
  const auto field = static_cast<BitsOf<Value>>(normal ? exponent + exponent_bias<Value> : 1);
  return std::bit_cast<Value>(field << (normal ? fraction_bits<Value> : exponent - least));
}

/// x·2^exponent, rounded once, as std::ldexp, which need not be the same on a device.
SKIMP_HOST_DEVICE inline double times_power_of_two(double x, int exponent) {
  exponent = std::clamp(exponent, -2200, 2200);  // Zero or Inf from here on, whatever x.
  for (; exponent > 1023; exponent -= 1023) x *= 0x1p1023;
  // A factor of 2^−969 leaves at least 2^−54 to the next: what the first has rounded vanishes.
  for (; exponent < -1022; exponent += 969) x *= 0x1p-969;
  return x * power_of_two<double>(exponent);
}

/// Of a positive number.
template <class Value>
inline bool is_power_of_two(Value x) {
  constexpr BitsOf<Value> fraction = (BitsOf<Value>{1} << fraction_bits<Value>)-1;
  const auto bits = std::bit_cast<BitsOf<Value>>(x);
  return bits > fraction ? (bits & fraction) == 0 : bits != 0 && (bits & (bits - 1)) == 0;
}

template <class Value>
SKIMP_HOST_DEVICE inline Value canonical(Value x) {
  return is_nan(x) ? canonical_nan<Value>() : x;
}

/// For what is kept from call to call, so that one overflow does not live on.
template <class Value>
SKIMP_HOST_DEVICE inline Value finite_or_zero(Value x) {
  return is_finite(x) ? x : Value{0};
}

/// What is left of x where `delivered` has been, for a residual.
template <class Value>
SKIMP_HOST_DEVICE inline Value rest_of(Value x, Value delivered) {
  return finite_or_zero(x - delivered);
}

/// A value of the accumulator's type as an element of an array: rounded to nearest, NaN canonical.
template <class Element, class Value>
SKIMP_HOST_DEVICE inline Element rounded(Value x) {
  if constexpr (sizeof(Element) == 2) {
    return convert<Element>(static_cast<float>(x));
  } else {
    return static_cast<Element>(canonical(x));
  }
}

}  // namespace skimp
