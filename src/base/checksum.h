/// \file
/// The checksum of a frame: NH (Black et al., UMAC, CRYPTO 1999) with keys that follow from the
/// position. A sum of products, so any split of the bytes over lanes, threads or GPU blocks gives
/// the same value. It finds accidents, not forgeries: a wrong frame passes about once in 2^32.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/host_device.h"

namespace skimp {

inline constexpr std::uint32_t checksum_key_step = 0x9E3779B1u;

/// The product of group j, which is two words.
SKIMP_HOST_DEVICE inline std::uint64_t checksum_product(std::uint64_t pair, std::uint64_t j) {
  const auto key = static_cast<std::uint32_t>(2 * j + 1) * checksum_key_step;
  const std::uint32_t low = static_cast<std::uint32_t>(pair) + key;
  const std::uint32_t high = static_cast<std::uint32_t>(pair >> 32) + key + checksum_key_step;
  return std::uint64_t{low} * high;
}

/// Σ over 8-byte groups j of (w[2j] + K(2j)) · (w[2j+1] + K(2j+1)) modulo 2^64, where w are the
/// 32-bit words (the last group padded with zeros), K(i) = (i + 1)·0x9E3779B1 modulo 2^32, and the
/// two sums are taken modulo 2^32. Parts of a frame that begin with group `first` add up to its
/// sum; all but the last are whole groups.
std::uint64_t sum_of_products(Bytes bytes, std::uint64_t first = 0);

/// As memcpy, past the cache if asked to, and the same sum of what was copied.
std::uint64_t copy_with_products(MutableBytes to, Bytes from, bool streamed);

/// Mixes a sum with the number of bytes it covers (the finaliser of MurmurHash3).
inline std::uint64_t finish_checksum(std::uint64_t sum, std::uint64_t bytes) {
  std::uint64_t x = sum ^ (bytes * 0x9E3779B97F4A7C15u);
  x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCDu;
  x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53u;
  return x ^ (x >> 33);
}

inline std::uint64_t checksum(Bytes bytes) {
  return finish_checksum(sum_of_products(bytes), bytes.size());
}

}  // namespace skimp
