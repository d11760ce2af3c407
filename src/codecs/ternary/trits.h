/// \file
/// Codes 0, 1 and 2, five to a byte: 3⁵ = 243 of its 256 values. A run of n codes takes m = ⌈n / 5⌉
/// bytes, and byte b has codes b, b + m, … b + 4m, the first as units: neighbours are in
/// neighbouring bytes, so that packing is vector code.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"
#include "codecs/blocks.h"

namespace skimp::ternary {

inline constexpr std::uint64_t per_byte = 5;
inline constexpr int largest_byte = 242;

/// The run's length is part of the format: a block's last one may be shorter.
static_assert(run_elements == 256);

/// Room for the codes of a run in whole bytes.
inline constexpr std::uint64_t room = run_elements + per_byte - 1;

inline std::uint64_t run_bytes(std::uint64_t n) { return divide_up(n, per_byte); }

/// Bytes of the first n elements of a block.
inline std::uint64_t block_bytes(std::uint64_t n) {
  return n / run_elements * run_bytes(run_elements) + run_bytes(n % run_elements);
}

/// Bytes of the first n elements of an array.
inline std::uint64_t array_bytes(std::uint64_t n, std::uint64_t block) {
  return n / block * block_bytes(block) + block_bytes(n % block);
}

/// Sets the codes between n and the last byte's end to zero.
inline void pack(std::uint8_t* __restrict codes, std::uint64_t n, std::byte* __restrict to) {
  const std::uint64_t m = run_bytes(n);
  std::fill(codes + n, codes + per_byte * m, std::uint8_t{0});
  for (std::uint64_t b = 0; b < m; ++b) {
    int byte = codes[b + 4 * m];
    byte = byte * 3 + codes[b + 3 * m];
    byte = byte * 3 + codes[b + 2 * m];
    byte = byte * 3 + codes[b + m];
    byte = byte * 3 + codes[b];
    to[b] = static_cast<std::byte>(byte);
  }
}

/// Writes per_byte · run_bytes(n) codes, and returns the largest byte.
inline int unpack(const std::byte* __restrict from, std::uint64_t n,
                  std::uint8_t* __restrict codes) {
  const std::uint64_t m = run_bytes(n);
  std::int32_t largest = 0;
  for (std::uint64_t b = 0; b < m; ++b) {
    auto rest = std::to_integer<std::int32_t>(from[b]);
    largest = std::max(largest, rest);
#pragma GCC unroll 5
    for (std::uint64_t j = 0; j < per_byte; ++j) {
      const std::int32_t third = rest * 171 >> 9;  // ⌊rest / 3⌋ for all bytes
      codes[b + j * m] = static_cast<std::uint8_t>(rest - 3 * third);
      rest = third;
    }
  }
  return largest;
}

}  // namespace skimp::ternary
