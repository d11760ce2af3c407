/// \file
/// The checksum of a frame: NH (Black et al., UMAC, CRYPTO 1999) with keys that follow from the
/// position. A sum of products, so any split of the bytes over lanes, threads or GPU blocks gives
/// the same value. It finds accidents, not forgeries: a wrong frame passes about once in 2^32.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace skimp {

/// Σ over 8-byte groups j of (w[2j] + K(2j)) · (w[2j+1] + K(2j+1)) modulo 2^64, where w are the
/// 32-bit words (the last group padded with zeros), K(i) = (i + 1)·0x9E3779B1 modulo 2^32, and the
/// two sums are taken modulo 2^32.
std::uint64_t sum_of_products(Bytes bytes);

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
