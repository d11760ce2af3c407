/// \file
/// Blocks of floats with AVX-512: one is encoded while the next is read for its scale, so that
/// memory is asked for all the time and not by bursts (bench/kernels/look_ahead.cc).
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "codecs/vectors.h"

#if SKIMP_X86

namespace skimp::avx512 {

/// Encodes whole blocks of `values`, which are n elements, from element `begin` on: their scales,
/// codes, and what they leave. Stops at a block whose scale `Groups` does not take; returns where.
/// - `Groups::Scale`: `add(values, i)` takes 32 values, `of(n)` is the scale of all n;
/// - `Groups::takes(scale)`; NaN and Inf are not taken;
/// - `Groups(scale).encode(values, i, rest, codes)`: 32 values become codes of Groups::bits bits.
///
/// Not inlined, and values by value: in registers, where stores of bytes change nothing.
template <class Groups, class Values, class Rest>
[[gnu::noinline, gnu::target(SKIMP_TARGET_AVX512)]] std::uint64_t encode_blocks(
    const Values values, Rest rest, std::uint64_t begin, std::uint64_t n, std::uint64_t block,
    std::byte* scales, std::byte* codes) {
  if (n - begin < block) return begin;
  typename Groups::Scale ahead;
  for (std::uint64_t i = begin; i < begin + block; i += 32) ahead.add(values, i);
  std::uint64_t at = begin;
  for (; n - at >= block; at += block) {
    const float scale = ahead.of(block);
    if (!Groups::takes(scale)) break;
    store(scales + at / block * sizeof scale, scale);
    const Groups groups(scale);
    ahead = {};
    // Of the last block, which none follows, the scale is found again, and goes nowhere.
    const std::uint64_t next = n - at >= 2 * block ? at + block : at;
    for (std::uint64_t i = 0; i < block; i += 32) {
      fetch_ahead_of_32(values, next + i);
      ahead.add(values, next + i);
      groups.encode(values, at + i, rest, codes + (at + i) / 8 * Groups::bits);
    }
  }
  return at;
}

}  // namespace skimp::avx512
#endif
