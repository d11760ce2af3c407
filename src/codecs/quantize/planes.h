/// \file
/// Codes of 8, 4, 3 or 2 bits, packed. A plane of b bits is a bit string in which element i has
/// bits i·b … i·b + b − 1. Codes of 3 bits are two planes, one of their low 2 bits and one of their
/// high bit, so that no code crosses a byte and a plane is packed without carries.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"

namespace skimp::quantize {

/// Elements per group: a group of codes fills whole bytes in every plane. Arrays of codes have room
/// for whole groups.
inline constexpr std::uint64_t group_elements = 8;

/// Bytes of n codes in all planes together.
inline std::uint64_t planes_bytes(std::uint64_t n, int bits) {
  if (bits == 3) return bytes_of_bits(2 * n) + bytes_of_bits(n);
  return bytes_of_bits(n * static_cast<std::uint64_t>(bits));
}

/// Packs bits shift … shift + width − 1 of every code into `bytes` bytes.
template <int width>
void pack_plane(const std::uint8_t* codes, int shift, std::byte* plane, std::uint64_t bytes) {
  constexpr int per_byte = 8 / width;
  constexpr unsigned mask = (1u << width) - 1;
  for (std::uint64_t i = 0; i < bytes; ++i) {
    unsigned byte = 0;
    for (int j = 0; j < per_byte; ++j) {
      const unsigned code = codes[i * per_byte + static_cast<std::uint64_t>(j)];
      byte |= ((code >> shift) & mask) << (j * width);
    }
    plane[i] = static_cast<std::byte>(byte);
  }
}

/// Sets bits shift … of every code to what `bytes` bytes of a plane hold, and, if that is all there
/// is to it, the others to zero.
template <int width, bool only>
void unpack_plane(const std::byte* plane, std::uint64_t bytes, int shift, std::uint8_t* codes) {
  constexpr int per_byte = 8 / width;
  constexpr unsigned mask = (1u << width) - 1;
  for (std::uint64_t i = 0; i < bytes; ++i) {
    const unsigned byte = std::to_integer<unsigned>(plane[i]);
    for (int j = 0; j < per_byte; ++j) {
      std::uint8_t& code = codes[i * per_byte + static_cast<std::uint64_t>(j)];
      const unsigned others = only ? 0 : code;
      code = static_cast<std::uint8_t>(others | ((byte >> (j * width)) & mask) << shift);
    }
  }
}

/// Where the codes of an array lie in its payload: one plane, or two.
template <class Byte>
class Planes {
 public:
  Planes(Byte* planes, std::uint64_t count, int bits)
      : planes_(planes), high_(planes + (bits == 3 ? bytes_of_bits(2 * count) : 0)), bits_(bits) {}

  /// Where to write the codes from `begin`, a multiple of group_elements, before they are packed:
  /// their place if a code is a byte, else `tile`.
  std::uint8_t* room(std::uint64_t begin, std::uint8_t* tile) const {
    return bits_ == 8 ? reinterpret_cast<std::uint8_t*>(planes_ + begin) : tile;
  }

  /// Packs n codes that are in room(begin, …). Sets those between n and the next multiple of
  /// group_elements to zero: they are the unused bits of the last byte.
  void pack(std::uint64_t begin, std::uint64_t n, std::uint8_t* codes) const {
    if (bits_ == 8) return;
    std::fill(codes + n, codes + divide_up(n, group_elements) * group_elements, std::uint8_t{0});
    if (bits_ == 4) return pack_plane<4>(codes, 0, planes_ + begin / 2, bytes_of_bits(4 * n));
    pack_plane<2>(codes, 0, planes_ + begin / 4, bytes_of_bits(2 * n));
    if (bits_ == 3) pack_plane<1>(codes, 2, high_ + begin / 8, bytes_of_bits(n));
  }

  /// The opposite: returns where the codes are. What it writes to the tile between n and the next
  /// multiple of group_elements is unspecified.
  const std::uint8_t* unpack(std::uint64_t begin, std::uint64_t n, std::uint8_t* tile) const {
    switch (bits_) {
      case 8: return reinterpret_cast<const std::uint8_t*>(planes_ + begin);
      case 4: unpack_plane<4, true>(planes_ + begin / 2, bytes_of_bits(4 * n), 0, tile); break;
      default: unpack_plane<2, true>(planes_ + begin / 4, bytes_of_bits(2 * n), 0, tile);
    }
    if (bits_ == 3) unpack_plane<1, false>(high_ + begin / 8, bytes_of_bits(n), 2, tile);
    return tile;
  }

 private:
  Byte* planes_;
  Byte* high_;
  int bits_;
};

}  // namespace skimp::quantize
