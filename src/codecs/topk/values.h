/// \file
/// The values of a top-k payload: float32, float16 or bfloat16, where the format is narrower than
/// the values under a power-of-two scale per frame, which brings the largest to the top of the
/// format's range.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "base/bytes.h"
#include "base/half.h"
#include "base/numbers.h"

namespace skimp::topk {

/// Wire values.
enum class Format : std::uint8_t { float32 = 0, float16 = 1, bfloat16 = 2 };

inline const char* name_of(Format format) {
  switch (format) {
    case Format::float32: return "float32";
    case Format::float16: return "float16";
    case Format::bfloat16: return "bfloat16";
  }
  return "unknown";
}

inline std::uint64_t bytes_of(Format format) { return format == Format::float32 ? 4 : 2; }

/// Exponents beyond these are refused: no float64 needs them.
inline constexpr std::int32_t largest_exponent = 1100;

/// Whether a payload of values kept in an accumulator of `accumulator_bytes` has an exponent.
inline bool is_scaled(Format format, std::uint64_t accumulator_bytes) {
  return bytes_of(format) < accumulator_bytes;
}

/// ⌊log₂ x⌋ of a positive finite number, denormals too.
template <class Value>
int floor_log2(Value x) {
  const BitsOf<Value> bits = magnitude_bits(x);
  const int exponent = static_cast<int>(bits >> fraction_bits<Value>);
  if (exponent > 0) return exponent - exponent_bias<Value>;
  return static_cast<int>(std::bit_width(bits)) - exponent_bias<Value> - fraction_bits<Value>;
}

/// Stores and loads values of one payload. `Value` is the accumulator's type.
template <class Value>
class ValueCoding {
 public:
  ValueCoding(Format format, std::int32_t exponent) : format_(format), exponent_(exponent) {}

  /// The exponent that suits values of magnitudes up to `largest`, finite. The largest becomes a
  /// float16 from 2^14 to 2^15: rounding cannot take it to Inf.
  static std::int32_t exponent_for(Format format, Value largest) {
    if (!is_scaled(format, sizeof(Value)) || largest == Value{0}) return 0;
    return floor_log2(largest) - (format == Format::float16 ? 14 : 0);
  }

  void put(std::byte* payload, std::uint64_t j, Value value) const {
    const auto scaled = static_cast<float>(std::ldexp(value, -exponent_));
    switch (format_) {
      case Format::float32: return store(payload + 4 * j, canonical(scaled));
      case Format::float16: return store(payload + 2 * j, to_half(scaled));
      case Format::bfloat16: return store(payload + 2 * j, to_bfloat16(scaled));
    }
  }

  Value get(const std::byte* payload, std::uint64_t j) const {
    return std::ldexp(static_cast<Value>(stored(payload, j)), exponent_);
  }

 private:
  float stored(const std::byte* payload, std::uint64_t j) const {
    switch (format_) {
      case Format::float32: break;
      case Format::float16: return to_float(load<Half>(payload + 2 * j));
      case Format::bfloat16: return to_float(load<BFloat16>(payload + 2 * j));
    }
    return load<float>(payload + 4 * j);
  }

  Format format_;
  std::int32_t exponent_;
};

}  // namespace skimp::topk
