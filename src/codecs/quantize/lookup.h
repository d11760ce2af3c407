/// \file
/// Decoding codes of 2 and 4 bits with AVX-512: 16 elements find their values in a register.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/isa.h"

#if SKIMP_X86
#include <immintrin.h>

namespace skimp::quantize::avx512 {

/// Where a lane finds its code: in which word of 32 bits, and behind how many bits there.
template <int bits>
struct Lanes {
  std::int32_t word[16], bits_before[16];
  constexpr Lanes() : word(), bits_before() {
    for (int lane = 0; lane < 16; ++lane) {
      word[lane] = lane * bits / 32;
      bits_before[lane] = lane * bits % 32;
    }
  }
};

/// x[i] = table[code i], for 16 elements. Lanes take the low 4 bits of what they find: for codes of
/// 2 bits, whose neighbours are among those, the table repeats itself.
template <int bits>
[[gnu::target(SKIMP_TARGET_AVX512)]] inline void decode_by_table(std::uint64_t codes, __m512 table,
                                                                 float* x) {
  alignas(64) static constexpr Lanes<bits> lanes;
  constexpr __mmask16 all = 0xFFFF;  // GCC 12 warns of what unmasked functions do inside.
  const __m512i words = _mm512_maskz_permutexvar_epi32(
      all, _mm512_load_si512(lanes.word), _mm512_set1_epi64(static_cast<long long>(codes)));
  const __m512i from_code_on =
      _mm512_maskz_srlv_epi32(all, words, _mm512_load_si512(lanes.bits_before));
  _mm512_storeu_ps(x, _mm512_maskz_permutexvar_ps(all, from_code_on, table));
}

/// Those of n elements, a multiple of 32. Returns whether all codes are ones that encoders write.
template <int bits>
[[gnu::target(SKIMP_TARGET_AVX512)]] inline bool decode_by_table(const std::byte* codes,
                                                                 std::uint64_t n,
                                                                 const float* table, float* x) {
  const __m512 values = _mm512_loadu_ps(table);
  std::uint64_t all_ones = 0;  // A code of ones is the one that is left over.
  for (std::uint64_t i = 0; i < n; i += 32) {
    for (std::uint64_t j = 0; j < 32; j += 64 / bits) {
      const auto word = load<std::uint64_t>(codes + (i + j) * bits / 8);
      const std::uint64_t pairs = word & word >> 1;
      all_ones |=
          bits == 4 ? pairs & pairs >> 2 & 0x1111111111111111u : pairs & 0x5555555555555555u;
      for (std::uint64_t k = 0; k < 64 / bits; k += 16) {
        decode_by_table<bits>(word >> (k * bits % 64), values, x + i + j + k);
      }
    }
  }
  return all_ones == 0;
}

}  // namespace skimp::quantize::avx512
#endif
