/// \file
/// 32 signs as the bits of a word, and a word's bits as signs.
#pragma once

#include <array>
#include <cstdint>

#include "base/isa.h"
#include "base/numbers.h"

#if SKIMP_X86
#include <immintrin.h>
#endif

namespace skimp::sign {

/// Bit j for lane j. A choice by these becomes vector code on every instruction set; a shift by
/// another number in each lane, which says the same, does not before AVX2.
inline constexpr std::array<std::uint32_t, 32> lane_bits = [] {
  std::array<std::uint32_t, 32> bits{};
  for (unsigned lane = 0; lane < 32; ++lane) bits[lane] = 1u << lane;
  return bits;
}();

template <class Value>
inline constexpr BitsOf<Value> sign_mask = BitsOf<Value>{1} << (sizeof(Value) * 8 - 1);

/// Bit j is set if x[j] has its sign bit set.
template <Isa, class Value>
std::uint32_t signs_of(const Value* x) {
  std::uint32_t word = 0;
  for (std::uint64_t j = 0; j < 32; ++j) {
    const auto sign = std::bit_cast<BitsOf<Value>>(x[j]) >> (sizeof(Value) * 8 - 1);
    word |= lane_bits[j] & (0u - static_cast<std::uint32_t>(sign));  // A choice would branch.
  }
  return word;
}

#if SKIMP_X86
template <>
[[gnu::target(SKIMP_TARGET_AVX2)]] inline std::uint32_t signs_of<Isa::avx2, float>(const float* x) {
  std::uint32_t word = 0;
  for (int j = 0; j < 4; ++j) {
    const auto eight = static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_loadu_ps(x + 8 * j)));
    word |= eight << (8 * j);
  }
  return word;
}

template <>
[[gnu::target(SKIMP_TARGET_AVX512)]] inline std::uint32_t signs_of<Isa::avx512, float>(
    const float* x) {
  const std::uint32_t low = _mm512_movepi32_mask(_mm512_loadu_si512(x));
  const std::uint32_t high = _mm512_movepi32_mask(_mm512_loadu_si512(x + 16));
  return low | high << 16;
}
#endif

/// The opposite: x[j] is `magnitude` with the sign of bit j.
template <class Value>
void apply_signs(std::uint32_t word, Value magnitude, Value* x) {
  using Bits = BitsOf<Value>;
  for (std::uint64_t j = 0; j < 32; ++j) {
    const Bits sign = (word & lane_bits[j]) != 0 ? sign_mask<Value> : Bits{0};
    x[j] = std::bit_cast<Value>(std::bit_cast<Bits>(magnitude) | sign);
  }
}

}  // namespace skimp::sign
