/// \file
/// 32 values as a word of their signs, and back.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "codecs/blocks.h"
#include "codecs/sign/element.h"
#include "codecs/sign_bits.h"
#include "codecs/vectors.h"

namespace skimp::sign {

#if SKIMP_X86
// The empty asm keeps values in registers: compilers load them anew for each use, which is a tenth
// of the encoder.
[[gnu::target(SKIMP_TARGET_AVX2)]] inline std::uint32_t split_avx2(const float* x, float scale,
                                                                   float* rest) {
  const __m256 plus = _mm256_set1_ps(scale), sign = _mm256_set1_ps(-0.0f);
  std::uint32_t word = 0;
  for (unsigned j = 0; j < 32; j += 8) {
    __m256 eight = _mm256_loadu_ps(x + j);
    asm("" : "+x"(eight));
    word |= static_cast<std::uint32_t>(_mm256_movemask_ps(eight)) << j;
    const __m256 decoded = _mm256_or_ps(plus, _mm256_and_ps(eight, sign));
    _mm256_storeu_ps(rest + j, _mm256_sub_ps(eight, decoded));
  }
  return word;
}

template <class Values, class Rest>
[[gnu::target(SKIMP_TARGET_AVX512)]] inline std::uint32_t split_avx512(const Values& x,
                                                                       std::uint64_t i, float scale,
                                                                       Rest rest) {
  const __m512 plus = _mm512_set1_ps(scale), sign = _mm512_set1_ps(-0.0f);
  __m512 low = load_16(x, i), high = load_16(x, i + 16);
  asm("" : "+v"(low), "+v"(high));
  const std::uint32_t low_bits = _mm512_movepi32_mask(_mm512_castps_si512(low));
  const std::uint32_t high_bits = _mm512_movepi32_mask(_mm512_castps_si512(high));
  store_16(rest, i, _mm512_sub_ps(low, _mm512_or_ps(plus, _mm512_and_ps(low, sign))));
  store_16(rest, i + 16, _mm512_sub_ps(high, _mm512_or_ps(plus, _mm512_and_ps(high, sign))));
  return low_bits | high_bits << 16;
}

namespace avx512 {

/// See codecs/look_ahead.h.
class Groups {
 public:
  static constexpr std::uint64_t bits = 1;

  /// The mean of magnitudes; see sum_of_terms.
  class Scale {
   public:
    template <class Values>
    [[gnu::target(SKIMP_TARGET_AVX512)]] void add(const Values& x, std::uint64_t i) {
      low_ = _mm512_add_ps(low_, _mm512_abs_ps(load_16(x, i)));
      high_ = _mm512_add_ps(high_, _mm512_abs_ps(load_16(x, i + 16)));
    }
    [[gnu::target(SKIMP_TARGET_AVX512)]] float of(std::uint64_t n) const {
      alignas(64) float lanes[32];
      _mm512_store_ps(lanes, low_);
      _mm512_store_ps(lanes + 16, high_);
      return fold<16>(lanes) / static_cast<float>(n);
    }

   private:
    __m512 low_{}, high_{};
  };

  static bool takes(float scale) { return is_finite(scale); }

  explicit Groups(float scale) : scale_(scale) {}

  template <class Values, class Rest>
  [[gnu::target(SKIMP_TARGET_AVX512)]] void encode(const Values& x, std::uint64_t i, Rest rest,
                                                   std::byte* codes) const {
    store(codes, split_avx512(x, i, scale_, rest));
  }

 private:
  float scale_;
};

}  // namespace avx512
#endif

/// The sign bits of 32 values, and the `rest` that they leave; it may be x.
template <Isa isa, class Value>
std::uint32_t split(const Value* x, Value scale, Value* rest) {
#if SKIMP_X86
  if constexpr (sizeof(Value) == 4 && isa == Isa::avx512) return split_avx512(x, 0, scale, rest);
  if constexpr (sizeof(Value) == 4 && isa == Isa::avx2) return split_avx2(x, scale, rest);
#endif
  Value values[32];
  for (std::uint64_t j = 0; j < 32; ++j) values[j] = x[j];
#pragma GCC ivdep
  for (std::uint64_t j = 0; j < 32; ++j) rest[j] = sign::rest(values[j], scale);
  return sign_bits<isa>(values);
}

/// The opposite: x[j] becomes `magnitude` with the sign of bit j, or more by that.
template <bool add, class Value>
void apply_signs(std::uint32_t word, Value magnitude, Value* x) {
  for (std::uint64_t j = 0; j < 32; ++j) {
    const Value value = decoded(magnitude, (word & lane_bits[j]) != 0);
    x[j] = add ? x[j] + value : value;
  }
}

}  // namespace skimp::sign
