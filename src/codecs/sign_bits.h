/// \file
/// The sign bits of 32 values as one word: what sign sends, and how top-k turns comparisons into
/// something to iterate over.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/isa.h"
#include "base/numbers.h"

#if SKIMP_X86
#include <immintrin.h>
#endif

namespace skimp {

/// Bit j for lane j. A choice by these becomes vector code on every instruction set; a shift by
/// another number in each lane, which says the same, does not before AVX2.
inline constexpr std::array<std::uint32_t, 32> lane_bits = [] {
  std::array<std::uint32_t, 32> bits{};
  for (unsigned lane = 0; lane < 32; ++lane) bits[lane] = 1u << lane;
  return bits;
}();

#if SKIMP_X86
[[gnu::target(SKIMP_TARGET_AVX2)]] inline std::uint32_t sign_bits_avx2(const void* x) {
  const auto* from = static_cast<const float*>(x);
  std::uint32_t word = 0;
  for (int j = 0; j < 4; ++j) {
    const int eight = _mm256_movemask_ps(_mm256_loadu_ps(from + 8 * j));
    word |= static_cast<std::uint32_t>(eight) << (8 * j);
  }
  return word;
}

[[gnu::target(SKIMP_TARGET_AVX512)]] inline std::uint32_t sign_bits_avx512(const void* x) {
  const auto* from = static_cast<const std::byte*>(x);
  const std::uint32_t low = _mm512_movepi32_mask(_mm512_loadu_si512(from));
  const std::uint32_t high = _mm512_movepi32_mask(_mm512_loadu_si512(from + 64));
  return low | high << 16;
}
#endif

/// Bit j is set if x[j] is negative, −0 too. Value is a float, a double or an integer of their
/// size.
template <Isa isa, class Value>
std::uint32_t sign_bits(const Value* x) {
#if SKIMP_X86
  if constexpr (sizeof(Value) == 4 && isa == Isa::avx2) return sign_bits_avx2(x);
  if constexpr (sizeof(Value) == 4 && isa == Isa::avx512) return sign_bits_avx512(x);
#endif
  std::uint32_t word = 0;
  for (std::uint64_t j = 0; j < 32; ++j) {
    const auto sign = std::bit_cast<BitsOf<Value>>(x[j]) >> (sizeof(Value) * 8 - 1);
    word |= lane_bits[j] & (0u - static_cast<std::uint32_t>(sign));  // A choice would branch.
  }
  return word;
}

}  // namespace skimp
