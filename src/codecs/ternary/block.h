/// \file
/// Ternary, one block; see blocks.h.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "base/error.h"
#include "codecs/blocks.h"
#include "codecs/ternary/trits.h"

namespace skimp::ternary {

/// Magnitudes as integers, which order alike: choices by them are masks, and become vector code.
template <class Value>
using Key = std::make_signed_t<BitsOf<Value>>;

template <class Value>
Key<Value> key_of(Value x) {
  return static_cast<Key<Value>>(magnitude_bits(x));
}

/// The mean of the magnitudes that are at least three quarters of the mean of all.
template <class Values, class Value = ValueOf<Values>>
Value mean_of_large(const Values& values, std::uint64_t n) {
  const Value mean = sum_of_magnitudes(values, n) / static_cast<Value>(n);
  const Value* x = array_of(values);
  const Value least = mean * static_cast<Value>(0.75);
  const Key<Value> below = key_of(least) - 1;
  Key<Value> kept = 0;
  for (std::uint64_t i = 0; i < n; ++i) kept += key_of(x[i]) > below;
  const Value sum = sum_of_terms(x, n, [below](Value magnitude) {
    const Key<Value> key = key_of(magnitude);
    return std::bit_cast<Value>(key & -Key<Value>{key > below});
  });
  return is_finite(mean) ? sum / static_cast<Value>(kept) : mean;
}

template <class Value>
struct Encoder {
  std::byte* bytes;
  std::uint64_t block;

  template <class Values>
  Value scale_of(const Values& x, std::uint64_t n) const {
    return mean_of_large(x, n);
  }

  void emit(auto, Value scale, std::uint64_t begin, const Value* x, std::uint64_t n,
            Value* rest) const {
    alignas(64) std::uint8_t codes[room];
#pragma GCC ivdep
    for (std::uint64_t i = 0; i < n; ++i) {
      const Key<Value> mask = kept(x[i], scale);
      codes[i] = code_of(x[i], mask);
      const Value signed_scale = std::copysign(scale, x[i]);
      rest[i] = x[i] - std::bit_cast<Value>(std::bit_cast<Key<Value>>(signed_scale) & mask);
    }
    pack(codes, n, bytes + array_bytes(begin, block));
  }

  void erase(std::uint64_t begin, std::uint64_t n) const {
    std::byte* to = bytes + array_bytes(begin, block);
    std::fill(to, to + run_bytes(n), std::byte{0});
  }

 private:
  /// All ones where x is nearer to ±scale than to 0.
  static Key<Value> kept(Value x, Value scale) {
    return -Key<Value>{key_of(x + x) > key_of(scale)};
  }

  static std::uint8_t code_of(Value x, Key<Value> mask) {
    const Key<Value> level = std::bit_cast<Key<Value>>(x) < 0 ? -1 : 1;
    return static_cast<std::uint8_t>(1 + (level & mask));
  }
};

/// Bytes are checked when all have been decoded: a corrupt payload leaves nonsense in the output.
template <class Value>
struct Decoder {
  const std::byte* bytes;
  std::uint64_t block;
  int largest = 0;

  void decode(auto, Value scale, std::uint64_t begin, std::uint64_t n, Value* __restrict x) {
    alignas(64) std::uint8_t codes[room];
    largest = std::max(largest, unpack(bytes + array_bytes(begin, block), n, codes));
    for (std::uint64_t i = 0; i < n; ++i) {
      x[i] = static_cast<Value>(std::int32_t{codes[i]} - 1) * scale;
    }
  }

  void finish() const {
    require_intact(largest <= largest_byte, "ternary: byte ", largest, " exceeds ", largest_byte);
  }
};

}  // namespace skimp::ternary
