/// \file
/// IEEE float16 and bfloat16 as storage types: round to nearest, ties to even, denormals kept,
/// every NaN written as the canonical one. Integer arithmetic, and sums and products that are exact
/// or rounded once, so every compiler and instruction set gives the same bits.
#pragma once

#include <bit>
#include <cstdint>

#include "base/host_device.h"

namespace skimp {

inline constexpr std::uint32_t canonical_nan_bits = 0x7FC00000u;
inline constexpr std::uint64_t canonical_nan_bits64 = 0x7FF8000000000000u;

struct Half {
  std::uint16_t bits;
};

struct BFloat16 {
  std::uint16_t bits;
};

SKIMP_HOST_DEVICE inline float to_float(BFloat16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

SKIMP_HOST_DEVICE inline float to_float(Half x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000u) << 16;
  const std::uint32_t magnitude = x.bits & 0x7FFFu;
  if (magnitude >= 0x7C00u) {  // Inf and NaN keep their fraction.
    return std::bit_cast<float>(sign | 0x7F800000u | ((magnitude & 0x3FFu) << 13));
  }
  // Exact: a half's fraction times a power of two, by way of a float multiplication that
  // renormalises denormals. 0x77800000 is 2^112, the difference of the exponent biases.
  const float scaled = std::bit_cast<float>(magnitude << 13) * std::bit_cast<float>(0x77800000u);
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(scaled));
}

SKIMP_HOST_DEVICE inline BFloat16 to_bfloat16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return {0x7FC0u};
  const std::uint32_t round = 0x7FFFu + ((bits >> 16) & 1u);
  return {static_cast<std::uint16_t>((bits + round) >> 16)};
}

SKIMP_HOST_DEVICE inline Half to_half(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return {0x7E00u};
  if (magnitude >= 0x477FF000u) return {static_cast<std::uint16_t>(sign | 0x7C00u)};  // >= 65520
  if (magnitude < 0x38800000u) {  // Below 2^-14: a denormal half, in units of 2^-24.
    // Adding 0.5 aligns the units with the last place of the sum, which rounds to even.
    const float aligned = std::bit_cast<float>(magnitude) + 0.5f;
    const std::uint32_t units = std::bit_cast<std::uint32_t>(aligned) - 0x3F000000u;
    return {static_cast<std::uint16_t>(sign | units)};
  }
  const std::uint32_t round = 0xFFFu + ((magnitude >> 13) & 1u);
  return {static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u + round) >> 13))};
}

/// One spelling for every pair, so that templates need not know which types they convert.
template <class To, class From>
SKIMP_HOST_DEVICE inline To convert(From x) {
  return static_cast<To>(x);
}
template <>
SKIMP_HOST_DEVICE inline float convert<float, Half>(Half x) {
  return to_float(x);
}
template <>
SKIMP_HOST_DEVICE inline float convert<float, BFloat16>(BFloat16 x) {
  return to_float(x);
}
template <>
SKIMP_HOST_DEVICE inline Half convert<Half, float>(float x) {
  return to_half(x);
}
template <>
SKIMP_HOST_DEVICE inline BFloat16 convert<BFloat16, float>(float x) {
  return to_bfloat16(x);
}

}  // namespace skimp
