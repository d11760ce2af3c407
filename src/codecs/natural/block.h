/// \file
/// Natural, one block; see blocks.h. The scale is the least power of two above all magnitudes, so
/// that values divided by it are floats below 1, and a code is the exponent field of such a float:
/// adding to its bits carries into the exponent, which is how it is rounded. Code 0 is zero.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/bytes.h"
#include "codecs/blocks.h"
#include "codecs/random_words.h"

namespace skimp::natural {

inline constexpr std::int32_t sign = 0x80;
inline constexpr std::int32_t largest_code = 0x7F;  ///< of a magnitude; the scale itself

/// What a code is times the scale.
inline float value_of(std::int32_t code) {
  return std::bit_cast<float>((code & largest_code) << 23 | (code & sign) << 24);
}

template <class Value>
struct Encoder {
  std::byte* codes;

  template <class Values>
  Value scale_of(const Values& x, std::uint64_t n) const {
    const Value largest = largest_magnitude(x, n);
    return is_finite(largest) ? power_of_two<Value>(floor_log2(largest) + 1) : largest;
  }

  void erase(std::uint64_t begin, std::uint64_t n) const {
    std::fill(codes + begin, codes + begin + n, std::byte{0});
  }

 protected:
  /// Rounds up if a fraction of 23 bits and addend_of(i) reach 2^23.
  template <class AddendOf>
  void round(Value scale, std::uint64_t begin, const Value* x, std::uint64_t n, Value* rest,
             AddendOf&& addend_of) const {
    std::byte* __restrict to = codes + begin;
    const auto code_of = [&](std::uint64_t i) {
      const auto bits = std::bit_cast<std::int32_t>(static_cast<float>(x[i] / scale));
      const std::int32_t exponent = ((bits & 0x7FFFFFFF) + addend_of(i)) >> 23;
      return std::min(exponent, largest_code) | (bits < 0 ? sign : 0);
    };
#pragma GCC ivdep
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::int32_t code = code_of(i);
      to[i] = static_cast<std::byte>(code);
      rest[i] = x[i] - static_cast<Value>(value_of(code)) * scale;
    }
  }
};

/// To the nearer power of two; from the middle, 3/2 of a power, to the larger.
template <class Value>
struct NearestEncoder : Encoder<Value> {
  void emit(auto, Value scale, std::uint64_t begin, const Value* x, std::uint64_t n,
            Value* rest) const {
    this->round(scale, begin, x, n, rest, [](std::uint64_t) { return std::int32_t{1} << 22; });
  }
};

/// Up with the probability of the fraction.
template <class Value>
struct StochasticEncoder : Encoder<Value> {
  ElementWords words;

  void emit(auto, Value scale, std::uint64_t begin, const Value* x, std::uint64_t n,
            Value* rest) const {
    alignas(64) std::uint32_t drawn[ElementWords::room];
    const std::uint32_t* word = words.draw_run(begin, n, drawn);
    this->round(scale, begin, x, n, rest,
                [word](std::uint64_t i) { return static_cast<std::int32_t>(word[i] >> 9); });
  }
};

template <class Value>
struct Decoder {
  const std::byte* codes;

  void decode(auto, Value scale, std::uint64_t begin, std::uint64_t n, Value* __restrict x) const {
    require_power_of_two(scale, "natural", begin);
    const std::byte* __restrict from = codes + begin;
    for (std::uint64_t i = 0; i < n; ++i) {
      x[i] = static_cast<Value>(value_of(std::to_integer<std::int32_t>(from[i]))) * scale;
    }
  }

  void finish() const {}  // All codes are possible.
};

}  // namespace skimp::natural
