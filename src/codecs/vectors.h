/// \file
/// Values of a job in vectors, for encoders with intrinsics, and their rests on the way to memory.
#pragma once

#include <cstdint>

#include "base/fetch.h"
#include "base/isa.h"
#include "codecs/elements.h"

#if SKIMP_X86
#include <immintrin.h>

namespace skimp {

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
/// Rests that nobody wants are not formed.
[[gnu::target(SKIMP_TARGET_AVX512)]] inline void store_16(Nowhere, std::uint64_t, __m512) {}

/// Fetches what lies bytes_ahead after 32 values from i on.
[[gnu::always_inline]] inline void fetch_ahead_of_32(const float* values, std::uint64_t i) {
  fetch_ahead(values + i, 32 * sizeof(float));
}
[[gnu::always_inline]] inline void fetch_ahead_of_32(const LazySums<float>& sums, std::uint64_t i) {
  fetch_ahead_of_32(sums.input, i);
  fetch_ahead_of_32(sums.residual, i);
}

}  // namespace skimp
#endif
