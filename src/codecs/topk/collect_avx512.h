/// \file
/// The list of floats above a bound with AVX-512, from the registers in which they are added: sums
/// go straight to where they belong, and past the cache where that is wanted, not by way of a tile.
#pragma once

#include <bit>
#include <cstdint>

#include "codecs/topk/collect.h"
#include "codecs/vectors.h"

#if SKIMP_X86

namespace skimp::topk::avx512 {

// A sum that is listed is read where it can be: from its place, or added again where that was
// written past the cache, or nowhere.
inline float listed(const auto&, const float* place, std::uint64_t i) { return place[i]; }
inline float listed(const auto& values, Streamed<float>, std::uint64_t i) { return values[i]; }
inline float listed(const auto& values, Nowhere, std::uint64_t i) { return values[i]; }

/// Writes values i … i + 64 to `place`; bit j is set if the key of values[i + j] exceeds `bound`.
template <class Values, class Place>
[[gnu::target(SKIMP_TARGET_AVX512)]] inline std::uint64_t put_64(const Values& values,
                                                                 std::uint64_t i, __m512i bound,
                                                                 Place place) {
  std::uint64_t word = 0;
  for (unsigned j = 0; j < 64; j += 16) {
    const __m512 sums = load_16(values, i + j);
    store_16(place, i + j, sums);
    const __m512i keys = _mm512_castps_si512(_mm512_abs_ps(sums));
    word |= std::uint64_t{_mm512_cmpgt_epi32_mask(keys, bound)} << j;
  }
  return word;
}

/// As append_above, for whole groups of 64 of n values, all of which go to `place`. Stops when more
/// than `capacity` are listed; returns how many values were looked at.
///
/// Not inlined, and values by value: in registers, where stores change nothing.
template <class Values, class Place>
[[gnu::noinline, gnu::target(SKIMP_TARGET_AVX512)]] std::uint64_t append_above(
    const Values values, Place place, std::uint64_t n, KeyOf<float> bound, std::uint32_t first,
    std::uint64_t capacity, List<float>& list) {
  const __m512i bounds = _mm512_set1_epi32(bound);
  float* const to = list.values;
  std::uint32_t* const indices = list.indices;
  std::uint64_t size = list.size, i = 0;
  for (; i + 64 <= n && size <= capacity; i += 64) {
    fetch_ahead_of_32(values, i);
    fetch_ahead_of_32(values, i + 32);
    std::uint64_t word = put_64(values, i, bounds, place);
    const auto hits = static_cast<std::uint64_t>(std::popcount(word));
    // Two at a time, as in topk::append_above.
    std::uint64_t j = 0;
    do {
      for (std::uint64_t l = j; l < j + 2; ++l) {
        const std::uint64_t at = i + (static_cast<std::uint64_t>(std::countr_zero(word)) & 63);
        to[size + l] = listed(values, place, at);
        indices[size + l] = first + static_cast<std::uint32_t>(at);
        word &= word - 1;
      }
      j += 2;
    } while (j < hits);
    size += hits;
  }
  list.size = size;
  return i;
}

}  // namespace skimp::topk::avx512
#endif
