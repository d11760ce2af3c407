/// \file
/// Values of a job in vectors, for encoders with intrinsics, and their rests on the way to memory.
#pragma once

#include <cstdint>

#include "base/isa.h"
#include "codecs/elements.h"

#if SKIMP_X86
#include <immintrin.h>

namespace skimp {

[[gnu::target(SKIMP_TARGET_AVX2)]] inline __m256 load_8(const float* values, std::uint64_t i) {
  return _mm256_loadu_ps(values + i);
}
[[gnu::target(SKIMP_TARGET_AVX2)]] inline __m256 load_8(const LazySums<float>& sums,
                                                        std::uint64_t i) {
  return _mm256_add_ps(load_8(sums.input, i), load_8(sums.residual, i));
}

[[gnu::target(SKIMP_TARGET_AVX512)]] inline __m512 load_16(const float* values, std::uint64_t i) {
  return _mm512_loadu_ps(values + i);
}
[[gnu::target(SKIMP_TARGET_AVX512)]] inline __m512 load_16(const LazySums<float>& sums,
                                                           std::uint64_t i) {
  return _mm512_add_ps(load_16(sums.input, i), load_16(sums.residual, i));
}

[[gnu::target(SKIMP_TARGET_AVX512)]] inline void store_16(float* to, std::uint64_t i,
                                                          __m512 values) {
  _mm512_storeu_ps(to + i, values);
}
[[gnu::target(SKIMP_TARGET_AVX512)]] inline void store_16(Streamed<float> to, std::uint64_t i,
                                                          __m512 values) {
  _mm512_stream_ps(to.place + i, values);
}

}  // namespace skimp
#endif
