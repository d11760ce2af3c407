/// \file
/// Ternary, one block; see blocks.h.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "codecs/blocks.h"
#include "codecs/ternary/trits.h"

namespace skimp::ternary {

template <class Value>
Value magnitude_of(Value x) {
  return std::bit_cast<Value>(magnitude_bits(x));
}

/// The mean of the magnitudes that are at least three quarters of the mean of all.
template <class Value>
Value mean_of_large(const Value* x, std::uint64_t n) {
  const Value mean = sum_of_magnitudes(x, n) / static_cast<Value>(n);
  const Value least = mean * static_cast<Value>(0.75);
  std::int32_t kept = 0;
  for (std::uint64_t i = 0; i < n; ++i) kept += magnitude_of(x[i]) >= least;
  const Value sum = sum_of_terms(
      x, n, [least](Value magnitude) { return magnitude >= least ? magnitude : Value{0}; });
  return is_finite(mean) ? sum / static_cast<Value>(kept) : mean;
}

template <class Value>
struct Encoder {
  std::byte* bytes;
  std::uint64_t block;

  Value scale_of(const Value* x, std::uint64_t n) const { return mean_of_large(x, n); }

  void emit(Value scale, std::uint64_t begin, const Value* __restrict x, std::uint64_t n,
            Value* __restrict rest) const {
    alignas(64) std::uint8_t codes[room];
    if (rest == nullptr) {
      for (std::uint64_t i = 0; i < n; ++i)
        codes[i] = static_cast<std::uint8_t>(1 + level_of(x[i], scale));
    } else {
      for (std::uint64_t i = 0; i < n; ++i) {
        const std::int32_t level = level_of(x[i], scale);
        codes[i] = static_cast<std::uint8_t>(1 + level);
        rest[i] = x[i] - static_cast<Value>(level) * scale;
      }
    }
    pack(codes, n, bytes + array_bytes(begin, block));
  }

  void erase(std::uint64_t begin, std::uint64_t n) const {
    std::byte* to = bytes + array_bytes(begin, block);
    std::fill(to, to + run_bytes(n), std::byte{0});
  }

 private:
  /// The nearest of −1, 0 and 1; from the middle, 0.
  static std::int32_t level_of(Value x, Value scale) {
    return std::int32_t{x + x > scale} - std::int32_t{x + x < -scale};
  }
};

/// Bytes are checked when all have been decoded: a corrupt payload leaves nonsense in the output.
template <class Value>
struct Decoder {
  const std::byte* bytes;
  std::uint64_t block;
  int largest = 0;

  void decode(Value scale, std::uint64_t begin, std::uint64_t n, Value* __restrict x) {
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
