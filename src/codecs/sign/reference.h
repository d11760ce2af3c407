/// \file
/// Sign, one block: the scalar specification. Vector versions must write the same bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "base/numbers.h"

namespace skimp::sign {

/// Bit j for lane j. A choice by these becomes vector code on every instruction set; a shift by
/// another number in each lane, which says the same, does not before AVX2.
inline constexpr std::array<std::uint32_t, 32> lane_bits = [] {
  std::array<std::uint32_t, 32> bits{};
  for (unsigned lane = 0; lane < 32; ++lane) bits[lane] = 1u << lane;
  return bits;
}();

/// Σ|x|: lane j of 32 adds elements j, j + 32, …; then lanes j and j + 16 are added, j and j + 8,
/// … j and j + 1. The order is part of the format: every instruction set sums alike.
template <class Value>
Value sum_of_magnitudes(const Value* x, std::uint64_t n) {
  Value lanes[32] = {};
  std::uint64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    for (std::uint64_t j = 0; j < 32; ++j) {
      lanes[j] += std::bit_cast<Value>(magnitude_bits(x[i + j]));
    }
  }
  for (std::uint64_t j = 0; i + j < n; ++j) {
    lanes[j] += std::bit_cast<Value>(magnitude_bits(x[i + j]));
  }
  for (std::uint64_t width = 16; width > 0; width /= 2) {
    for (std::uint64_t j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  }
  return lanes[0];
}

/// Writes the signs of n values, bit i of the little-endian bit string set for a negative one
/// (−0 too), and returns the scale: mean magnitude, or the canonical NaN and no bits when it is
/// not finite.
template <class Value>
Value encode_block(const Value* x, std::uint64_t n, std::byte* bits) {
  const Value scale = sum_of_magnitudes(x, n) / static_cast<Value>(n);
  if (!is_finite(scale)) {
    std::memset(bits, 0, (n + 7) / 8);
    return canonical_nan<Value>();
  }
  constexpr int sign_shift = static_cast<int>(sizeof(Value)) * 8 - 1;
  std::uint64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    std::uint32_t word = 0;
    for (std::uint64_t j = 0; j < 32; ++j) {
      const auto sign = std::bit_cast<BitsOf<Value>>(x[i + j]) >> sign_shift;
      word |= lane_bits[j] & (0u - static_cast<std::uint32_t>(sign));  // a choice would branch
    }
    store(bits + i / 8, word);
  }
  for (; i < n; i += 8) {
    std::uint8_t byte = 0;
    for (std::uint64_t j = 0; j < 8 && i + j < n; ++j) {
      const auto sign = std::bit_cast<BitsOf<Value>>(x[i + j]) >> sign_shift;
      byte = static_cast<std::uint8_t>(byte | sign << j);
    }
    bits[i / 8] = std::byte{byte};
  }
  return scale;
}

template <class Value>
void decode_block(const std::byte* __restrict bits, std::uint64_t n, Value scale,
                  Value* __restrict x) {
  using Bits = BitsOf<Value>;
  constexpr Bits sign = Bits{1} << (sizeof(Value) * 8 - 1);
  const auto magnitude = std::bit_cast<Bits>(scale);
  std::uint64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const auto word = load<std::uint32_t>(bits + i / 8);
    for (std::uint64_t j = 0; j < 32; ++j) {
      x[i + j] = std::bit_cast<Value>(magnitude | ((word & lane_bits[j]) != 0 ? sign : Bits{0}));
    }
  }
  for (; i < n; ++i) {
    const bool negative = (bits[i / 8] & std::byte{1} << (i % 8)) != std::byte{0};
    x[i] = std::bit_cast<Value>(magnitude | (negative ? sign : Bits{0}));
  }
}

}  // namespace skimp::sign
