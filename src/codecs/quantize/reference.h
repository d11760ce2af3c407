/// \file
/// Quantize, one block: the scalar specification. Vector versions must write the same bytes.
///
/// A code is a level q from −L to L plus L, one byte here; `planes.h` packs codes into fewer bits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "base/numbers.h"

namespace skimp::quantize {

/// L, the largest level of a code of `bits` bits. The code 2L + 1 is left over.
inline int largest_level(int bits) { return (1 << (bits - 1)) - 1; }

/// The block's scale, by integer comparison: Inf or NaN when a value is. (Signed, since baseline
/// x86 compares no unsigned vectors; magnitudes leave the sign bit clear.)
template <class Value>
Value largest_magnitude(const Value* x, std::uint64_t n) {
  using Signed = std::make_signed_t<BitsOf<Value>>;
  Signed largest = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    largest = std::max(largest, static_cast<Signed>(magnitude_bits(x[i])));
  }
  return std::bit_cast<Value>(largest);
}

/// x to the nearest integer, ties to even, never −0, for |x| far below 2^22: the sum with
/// 1.5·2^23 (1.5·2^52 for double) has no room for a fraction.
template <class Value>
Value nearest_integer(Value x) {
  constexpr Value shifter =
      static_cast<Value>(3) * static_cast<Value>(std::uint64_t{1} << (fraction_bits<Value> - 1));
  return (x + shifter) - shifter;
}

template <class Value>
std::uint8_t code_of(Value level, int largest) {
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(level) + largest);
}

/// What the scale is divided by: a block of zeros has scale 0 and x = 0 / 1.
template <class Value>
Value divisor_of(Value scale) {
  return scale == Value{0} ? Value{1} : scale;
}

/// Codes of n values by rounding to nearest. The scale is finite.
template <class Value>
void encode_nearest(const Value* values, std::uint64_t n, Value scale, int largest,
                    std::uint8_t* codes) {
  const Value divisor = divisor_of(scale);
  const Value levels = static_cast<Value>(largest);
  for (std::uint64_t i = 0; i < n; ++i) {
    const Value x = (values[i] / divisor) * levels;
    codes[i] = code_of(nearest_integer(x), largest);
  }
}

/// Codes of n values by rounding up with the probability of the fraction: value i uses the random
/// word words[i]. The scale is finite.
template <class Value>
void encode_stochastic(const Value* values, std::uint64_t n, Value scale, int largest,
                       const std::uint32_t* words, std::uint8_t* codes) {
  const Value divisor = divisor_of(scale);
  const Value levels = static_cast<Value>(largest);
  for (std::uint64_t i = 0; i < n; ++i) {
    const Value x = (values[i] / divisor) * levels;
    const Value nearest = nearest_integer(x);
    const Value floor = nearest > x ? nearest - Value{1} : nearest;
    const Value u =
        static_cast<Value>(static_cast<std::int32_t>(words[i] >> 8)) * static_cast<Value>(0x1p-24);
    const Value up = u < x - floor ? Value{1} : Value{0};
    codes[i] = code_of(floor + up, largest);
  }
}

template <class Value>
void decode_block(const std::uint8_t* codes, std::uint64_t n, Value scale, int largest,
                  Value* values) {
  const Value levels = static_cast<Value>(largest);
  for (std::uint64_t i = 0; i < n; ++i) {
    const Value level = static_cast<Value>(std::int32_t{codes[i]} - largest);
    values[i] = (level / levels) * scale;
  }
}

}  // namespace skimp::quantize
