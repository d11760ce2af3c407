/// \file
/// Nearest levels of floats with AVX-512: codes and rests from registers. Compilers pack codes by
/// way of words in memory, which of 4 bits took as long as all else, and divide, which takes long
/// on Intel's processors.
#pragma once

#include <bit>
#include <cstdint>

#include "base/bytes.h"
#include "base/isa.h"
#include "codecs/quantize/levels.h"
#include "codecs/vectors.h"

#if SKIMP_X86
#include <immintrin.h>

namespace skimp::quantize::avx512 {

/// GCC 12 warns of what unmasked functions do inside.
inline constexpr __mmask16 all = 0xFFFF;

/// x / divisor; see `quotient`.
[[gnu::target(SKIMP_TARGET_AVX512)]] inline __m512 quotient(__m512 x, __m512 divisor,
                                                            __m512 inverse) {
  const __m512 near = _mm512_mul_ps(x, inverse);
  return _mm512_fmadd_ps(_mm512_fnmadd_ps(near, divisor, x), inverse, near);
}

/// The scale of a block; see look_ahead.h.
class LargestMagnitude {
 public:
  template <class Values>
  [[gnu::target(SKIMP_TARGET_AVX512)]] void add(const Values& x, std::uint64_t i) {
    low_ = larger(low_, load_16(x, i));
    high_ = larger(high_, load_16(x, i + 16));
  }
  [[gnu::target(SKIMP_TARGET_AVX512)]] float of(std::uint64_t) const {
    alignas(64) float lanes[32];
    _mm512_store_si512(lanes, low_);
    _mm512_store_si512(lanes + 16, high_);
    return largest_magnitude(lanes, 32);
  }

 private:
  /// By integer comparison: Inf or NaN where a value is.
  [[gnu::target(SKIMP_TARGET_AVX512)]] static __m512i larger(__m512i largest, __m512 values) {
    return _mm512_maskz_max_epi32(all, largest, _mm512_castps_si512(_mm512_abs_ps(values)));
  }

  __m512i low_{}, high_{};
};

/// Groups of 32 codes of `bits_each` bits: 8 or 4, for a scale that is moderate, or 2.
template <int bits_each>
class Nearest {
 public:
  using Scale = LargestMagnitude;
  static constexpr std::uint64_t bits = bits_each;
  static bool takes(float scale) { return is_moderate(scale); }

  [[gnu::target(SKIMP_TARGET_AVX512)]] explicit Nearest(float scale)
      : scale_(_mm512_set1_ps(scale)), inverse_(_mm512_set1_ps(1 / scale)) {
    const __m512 lane = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    table_ = value_of(_mm512_sub_ps(lane, levels()));
  }

  /// The codes of 32 elements from i on, packed, and what they leave of x; `rest` may be x.
  template <class Values, class Rest>
  [[gnu::target(SKIMP_TARGET_AVX512)]] void encode(const Values& x, std::uint64_t i, Rest rest,
                                                   std::byte* codes) const {
    // Packing leaves fourths of both halves by turns. (Narrowing each half takes longer.)
    const __m512i turns = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    const __m512i words = _mm512_maskz_permutexvar_epi64(
        0xFF, turns, _mm512_packus_epi32(encode_16(x, i, rest), encode_16(x, i + 16, rest)));
    if constexpr (bits == 8) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes),
                          _mm512_maskz_cvtepi16_epi8(0xFFFFFFFF, words));
    } else {
      const __m512i pairs = _mm512_madd_epi16(words, _mm512_set1_epi32(0x100001));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(codes), _mm512_maskz_cvtepi32_epi8(all, pairs));
    }
  }

 private:
  [[gnu::target(SKIMP_TARGET_AVX512)]] static __m512 levels() {
    return _mm512_set1_ps(largest_level(bits));
  }

  /// See Levels::value_of.
  [[gnu::target(SKIMP_TARGET_AVX512)]] __m512 value_of(__m512 level) const {
    const __m512 inverse = _mm512_set1_ps(1.0f / largest_level(bits));
    return _mm512_mul_ps(quotient(level, levels(), inverse), scale_);
  }

  /// The codes of 16 elements, one to a lane.
  template <class Values, class Rest>
  [[gnu::target(SKIMP_TARGET_AVX512)]] __m512i encode_16(const Values& x, std::uint64_t i,
                                                         Rest rest) const {
    constexpr float shifter = 0x1.8p23f;  // nearest_integer's; the sum's low bits are the level
    const __m512 values = load_16(x, i);
    const __m512 position = _mm512_mul_ps(quotient(values, scale_, inverse_), levels());
    const __m512 shifted = _mm512_add_ps(position, _mm512_set1_ps(shifter));
    const __m512i codes = _mm512_sub_epi32(
        _mm512_castps_si512(shifted),
        _mm512_set1_epi32(std::bit_cast<std::int32_t>(shifter) - largest_level(bits)));
    if constexpr (bits == 4) {
      store_16(rest, i, _mm512_sub_ps(values, _mm512_maskz_permutexvar_ps(all, codes, table_)));
    } else {
      const __m512 level = _mm512_sub_ps(shifted, _mm512_set1_ps(shifter));
      store_16(rest, i, _mm512_sub_ps(values, value_of(level)));
    }
    return codes;
  }

  __m512 scale_, inverse_;
  __m512 table_;  ///< the values of the first 16 codes
};

/// Levels are −1, 0 and 1. Nothing is divided: x / scale rounds to more than ½ just where 2|x|
/// exceeds the scale.
template <>
class Nearest<2> {
 public:
  using Scale = LargestMagnitude;
  static constexpr std::uint64_t bits = 2;
  static bool takes(float scale) { return is_finite(scale); }

  explicit Nearest(float scale) : scale_(scale) {}

  template <class Values, class Rest>
  [[gnu::target(SKIMP_TARGET_AVX512)]] void encode(const Values& x, std::uint64_t i, Rest rest,
                                                   std::byte* codes) const {
    const __m512 plus = _mm512_set1_ps(scale_), minus = _mm512_set1_ps(-scale_);
    std::uint32_t above = 0, below = 0;
    for (unsigned j = 0; j < 32; j += 16) {
      const __m512 values = load_16(x, i + j), doubled = _mm512_add_ps(values, values);
      const __mmask16 up = _mm512_cmp_ps_mask(doubled, plus, _CMP_GT_OQ);
      const __mmask16 down = _mm512_cmp_ps_mask(doubled, minus, _CMP_LT_OQ);
      const __m512 left = _mm512_mask_sub_ps(values, up, values, plus);
      store_16(rest, i + j, _mm512_mask_sub_ps(left, down, left, minus));
      above |= static_cast<std::uint32_t>(up) << j;
      below |= static_cast<std::uint32_t>(down) << j;
    }
    const std::uint32_t neither = ~(above | below);
    store(codes, _pdep_u64(above, 0xAAAAAAAAAAAAAAAAu) | _pdep_u64(neither, 0x5555555555555555u));
  }

 private:
  float scale_;
};

}  // namespace skimp::quantize::avx512
#endif
