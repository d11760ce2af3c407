/// \file
/// The indices of a payload as bit strings, which begin at any byte. A thread makes a whole word,
/// and seeks the indices that have bits in it: words are written once, whatever the order.
#pragma once

#include <bit>
#include <cstdint>

#include "base/bytes.h"
#include "codecs/topk/indices.h"
#include "cuda/device/block.cuh"

namespace skimp::cuda {

using topk::IndexCoding;
using topk::IndexShape;

/// A bit string of words; the last one may have fewer bytes.
template <class Byte>
struct BitString {
  Byte* at;
  std::uint64_t bytes;

  SKIMP_HOST_DEVICE std::uint64_t words() const { return divide_up(bytes, 4); }

  __device__ unsigned bytes_of_word(std::uint64_t w) const {
    const std::uint64_t rest = bytes - 4 * w;
    return rest < 4 ? static_cast<unsigned>(rest) : 4;
  }

  __device__ std::uint32_t word(std::uint64_t w) const {
    std::uint32_t word = 0;
    for (unsigned i = 0; i < bytes_of_word(w); ++i) {
      word |= static_cast<std::uint32_t>(at[4 * w + i]) << 8 * i;
    }
    return word;
  }

  /// `n` ≤ 64 bits from bit `first` on.
  __device__ std::uint64_t bits(std::uint64_t first, unsigned n) const {
    std::uint64_t bits = 0;
    for (unsigned have = 0; have < n;) {
      const std::uint64_t bit = first + have;
      const auto skipped = static_cast<unsigned>(bit % 8);
      const unsigned taken = n - have < 8 - skipped ? n - have : 8 - skipped;
      const unsigned byte = static_cast<unsigned>(at[bit / 8]) >> skipped & ((1u << taken) - 1);
      bits |= std::uint64_t{byte} << have;
      have += taken;
    }
    return bits;
  }

  __device__ void put_word(std::uint64_t w, std::uint32_t word) const {
    for (unsigned i = 0; i < bytes_of_word(w); ++i) {
      at[4 * w + i] = static_cast<std::byte>(word >> 8 * i & 0xFF);
    }
  }
};

/// Where the strings of a shape are, in its part of a payload: the low bits of Elias–Fano, and that
/// in which every index sets a bit.
template <class Byte>
struct Strings {
  BitString<Byte> low;
  BitString<Byte> high;

  SKIMP_HOST_DEVICE Strings(const IndexShape& shape, Byte* at) {
    const std::uint64_t low_bytes = shape.coding == IndexCoding::bitmap ? 0 : shape.low_bytes;
    low = {at, low_bytes};
    high = {at + low_bytes, shape.bytes - low_bytes};
  }
};

/// The bit that entry j sets: that of its index, or after Elias and Fano its high bits' and j more.
SKIMP_HOST_DEVICE inline std::uint64_t position_of(const IndexShape& shape, std::uint64_t index,
                                                   std::uint64_t j) {
  return shape.coding == IndexCoding::bitmap ? index : (index >> shape.low_bits) + j;
}

/// The first entry that sets bit `position` or a later one; k if none does.
SKIMP_HOST_DEVICE inline std::uint64_t first_entry_at(const IndexShape& shape,
                                                      const std::uint64_t* indices,
                                                      std::uint64_t position) {
  std::uint64_t begin = 0, end = shape.k;
  while (begin < end) {
    const std::uint64_t middle = begin + (end - begin) / 2;
    if (position_of(shape, indices[middle], middle) < position) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

SKIMP_HOST_DEVICE inline std::uint32_t high_word(const IndexShape& shape,
                                                 const std::uint64_t* indices, std::uint64_t w) {
  std::uint32_t word = 0;
  for (std::uint64_t j = first_entry_at(shape, indices, 32 * w); j < shape.k; ++j) {
    const std::uint64_t bit = position_of(shape, indices[j], j) - 32 * w;
    if (bit >= 32) break;
    word |= 1u << bit;
  }
  return word;
}

/// Entry j has bits j · l … of the string of low bits.
SKIMP_HOST_DEVICE inline std::uint32_t low_word(const IndexShape& shape,
                                                const std::uint64_t* indices, std::uint64_t w) {
  const auto l = static_cast<std::uint64_t>(shape.low_bits);
  const std::uint64_t mask = (std::uint64_t{1} << l) - 1, begin = 32 * w;
  std::uint64_t word = 0;
  for (std::uint64_t j = begin / l; j < shape.k && j * l < begin + 32; ++j) {
    const std::uint64_t low = indices[j] & mask;
    word |= j * l < begin ? low >> (begin - j * l) : low << (j * l - begin);
  }
  return static_cast<std::uint32_t>(word);
}

}  // namespace skimp::cuda
