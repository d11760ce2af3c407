/// \file
/// Codes of 8, 4, 3 or 2 bits, packed. A plane of b bits is a bit string in which element i has
/// bits i·b … i·b + b − 1. Codes of 3 bits are two planes, one of their low 2 bits and one of their
/// high bit, so that no code crosses a byte and a plane is packed without carries.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "base/bytes.h"

namespace skimp::quantize {

/// Bits shift … shift + width − 1 of as many codes as fit, as one byte.
template <int width>
inline std::byte packed_byte(const std::uint8_t* codes, int shift) {
  constexpr unsigned mask = (1u << width) - 1;
  unsigned byte = 0;
  for (int j = 0; j < 8 / width; ++j) {
    const unsigned code = codes[j];
    byte |= ((code >> shift) & mask) << (j * width);
  }
  return static_cast<std::byte>(byte);
}

/// Elements per group: a group of codes fills whole words in every plane.
inline constexpr std::uint64_t group_elements = 32;

/// Codes that fill whole bytes in every plane. Arrays of codes have room for a multiple.
inline constexpr std::uint64_t byte_elements = 8;

/// Bytes of n codes in all planes together.
inline std::uint64_t planes_bytes(std::uint64_t n, int bits) {
  if (bits == 3) return bytes_of_bits(2 * n) + bytes_of_bits(n);
  return bytes_of_bits(n * static_cast<std::uint64_t>(bits));
}

/// Packs bits shift … shift + width − 1 of every code into `bytes` bytes.
template <int width>
void pack_plane(const std::uint8_t* codes, int shift, std::byte* plane, std::uint64_t bytes) {
  for (std::uint64_t i = 0; i < bytes; ++i) {
    plane[i] = packed_byte<width>(codes + i * (8 / width), shift);
  }
}

/// Codes of `width` bits from bytes, one to an element of `codes`: whole words, in which each lane
/// shifts by its own distance.
template <int width>
void unpack_words(const std::byte* plane, std::int32_t* codes) {
  constexpr std::uint64_t per_word = 32 / width;
  constexpr std::uint32_t mask = (1u << width) - 1;
  for (std::uint64_t begin = 0; begin < group_elements; begin += per_word) {
    const auto word = load<std::uint32_t>(plane + begin * width / 8);
#pragma GCC unroll 1
    for (std::uint32_t j = 0; j < per_word; ++j) {
      codes[begin + j] = static_cast<std::int32_t>(word >> (j * width) & mask);
    }
  }
}

/// Where the codes of an array lie in its payload: one plane, or two.
template <class Byte>
class Planes {
 public:
  Planes(Byte* planes, std::uint64_t count, int bits)
      : planes_(planes), high_(planes + (bits == 3 ? bytes_of_bits(2 * count) : 0)), bits_(bits) {}

  /// Planes that lie apart.
  Planes(Byte* planes, Byte* high, int bits) : planes_(planes), high_(high), bits_(bits) {}

  int bits() const { return bits_; }

  /// The byte of code `begin`, a multiple of byte_elements; of codes of 3 bits, that of low bits.
  Byte* at(std::uint64_t begin) const {
    return planes_ + begin / 8 * static_cast<unsigned>(bits_ == 3 ? 2 : bits_);
  }

  /// Where to write the codes from `begin`, a multiple of byte_elements, before they are packed:
  /// their place if a code is a byte, else `tile`.
  std::uint8_t* room(std::uint64_t begin, std::uint8_t* tile) const {
    return bits_ == 8 ? reinterpret_cast<std::uint8_t*>(planes_ + begin) : tile;
  }

  /// Packs n codes that are in room(begin, …). Sets those between n and the next multiple of
  /// byte_elements to zero: they are the unused bits of the last byte.
  void pack(std::uint64_t begin, std::uint64_t n, std::uint8_t* codes) const {
    if (bits_ == 8) return;
    std::fill(codes + n, codes + divide_up(n, byte_elements) * byte_elements, std::uint8_t{0});
    if (bits_ == 4) return pack_plane<4>(codes, 0, at(begin), bytes_of_bits(4 * n));
    pack_plane<2>(codes, 0, at(begin), bytes_of_bits(2 * n));
    if (bits_ == 3) pack_plane<1>(codes, 2, high_ + begin / 8, bytes_of_bits(n));
  }

  /// Calls visitor(bits) with the bits of a code as a constant.
  template <class Visitor>
  void visit_bits(Visitor&& visitor) const {
    switch (bits_) {
      case 8: return visitor(std::integral_constant<int, 8>{});
      case 4: return visitor(std::integral_constant<int, 4>{});
      case 3: return visitor(std::integral_constant<int, 3>{});
      default: return visitor(std::integral_constant<int, 2>{});
    }
  }

  /// Calls visitor(i, m, codes) for the codes of elements begin + i … begin + i + m, until n: bytes
  /// all at once, others by group, unpacked.
  template <int bits, class Visitor>
  void visit_codes(std::uint64_t begin, std::uint64_t n, Visitor&& visitor) const {
    if constexpr (bits == 8) {
      visitor(0, n, reinterpret_cast<const std::uint8_t*>(at(begin)));
    } else {
      std::int32_t codes[group_elements];
      std::uint64_t i = 0;
      for (; i + group_elements <= n; i += group_elements) {
        unpack<bits>(begin + i, codes);
        visitor(i, group_elements, codes);
      }
      if (i == n) return;
      unpack_last<bits>(begin + i, n - i, codes);
      visitor(i, n - i, codes);
    }
  }

 private:
  /// The opposite of pack: the codes of a group that begins at `begin`.
  template <int bits>
  void unpack(std::uint64_t begin, std::int32_t* codes) const {
    if constexpr (bits == 3) {
      unpack_words<2>(at(begin), codes);
      std::int32_t high[group_elements];
      unpack_words<1>(high_ + begin / 8, high);
      for (std::uint64_t j = 0; j < group_elements; ++j) codes[j] |= high[j] << 2;
    } else {
      unpack_words<bits>(at(begin), codes);
    }
  }

  /// The first n codes of an incomplete group, of which no byte is there but those that it needs.
  template <int bits>
  void unpack_last(std::uint64_t begin, std::uint64_t n, std::int32_t* codes) const {
    constexpr int low_bits = bits == 3 ? 2 : bits;
    std::byte low[group_elements] = {}, high[group_elements / 8] = {};
    const std::byte* from = planes_ + begin * low_bits / 8;
    std::copy(from, from + bytes_of_bits(n * low_bits), low);
    if (bits == 3) std::copy(high_ + begin / 8, high_ + begin / 8 + bytes_of_bits(n), high);
    const Planes group(low, high, bits);
    group.template unpack<bits>(0, codes);
  }

  Byte* planes_;
  Byte* high_;
  int bits_;
};

}  // namespace skimp::quantize
