/// \file
/// Small floating-point formats as integers: magnitudes in the low bits, the sign above. Finite
/// numbers only; whoever rounds has scaled them so that none is larger than the format's largest.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace skimp::floats {

/// Wire values.
enum class Format : std::uint8_t { e4m3 = 0, e5m2 = 1, float16 = 2, bfloat16 = 3 };

inline constexpr const char* format_names[] = {"e4m3", "e5m2", "float16", "bfloat16"};

inline const char* name_of(Format format) { return format_names[static_cast<int>(format)]; }

inline std::uint64_t bytes_of(Format format) {
  return format == Format::e4m3 || format == Format::e5m2 ? 1 : 2;
}

/// `exponent_bits` and `fraction_bits` with gradual underflow, as IEEE 754 has it. What lies above
/// `largest_magnitude_code` is Inf or NaN, and never written.
template <int exponent_bits, int fraction_bits, std::int32_t largest_magnitude_code>
struct Coding {
  using Code = std::conditional_t<exponent_bits + fraction_bits == 7, std::uint8_t, std::uint16_t>;

  static constexpr int bias = (1 << (exponent_bits - 1)) - 1;
  static constexpr std::int32_t sign = 1 << (exponent_bits + fraction_bits);
  static constexpr std::int32_t largest_code = largest_magnitude_code;
  /// ⌊log₂⌋ of the largest number.
  static constexpr int largest_exponent = (largest_code >> fraction_bits) - bias;

  /// Rounds to nearest, ties to even; magnitudes to at most `limit`.
  static std::int32_t code_of(float x, std::int32_t limit) {
    const auto bits = std::bit_cast<std::int32_t>(x);
    const std::int32_t magnitude = bits & 0x7FFFFFFF;
    const std::int32_t odd = magnitude >> dropped_bits & 1;
    const std::int32_t normal = (magnitude - rebias + half_less_one + odd) >> dropped_bits;
    // Adding a float whose last place is that of the denormals rounds to them.
    const float aligned = std::bit_cast<float>(magnitude) + std::bit_cast<float>(aligner);
    const std::int32_t denormal = std::bit_cast<std::int32_t>(aligned) - aligner;
    const std::int32_t code = magnitude < least_normal ? denormal : normal;
    return (code < limit ? code : limit) | (bits < 0 ? sign : 0);
  }

  /// Exact: the fraction times a power of two, by a multiplication that renormalises denormals.
  static float value_of(std::int32_t code) {
    const float magnitude =
        std::bit_cast<float>((code & (sign - 1)) << dropped_bits) * std::bit_cast<float>(unbias);
    const std::int32_t sign_bit = (code & sign) << (31 - exponent_bits - fraction_bits);
    return std::bit_cast<float>(std::bit_cast<std::int32_t>(magnitude) | sign_bit);
  }

  static float largest() { return value_of(largest_code); }

 private:
  // Of a float: 23 bits of fraction, and a bias of 127.
  static constexpr int dropped_bits = 23 - fraction_bits;
  static constexpr std::int32_t half_less_one = (1 << (dropped_bits - 1)) - 1;
  static constexpr std::int32_t rebias = (127 - bias) << 23;
  static constexpr std::int32_t unbias = (254 - bias) << 23;        ///< 2^(127 − bias)
  static constexpr std::int32_t least_normal = (128 - bias) << 23;  ///< 2^(1 − bias)
  static constexpr std::int32_t aligner = (128 - bias + dropped_bits) << 23;
};

/// Calls visitor(Coding{}) with that of the format.
template <class Visitor>
decltype(auto) visit_format(Format format, Visitor&& visitor) {
  switch (format) {
    case Format::e5m2: return visitor(Coding<5, 2, 0x7B>{});
    case Format::float16: return visitor(Coding<5, 10, 0x7BFF>{});
    case Format::bfloat16: return visitor(Coding<8, 7, 0x7F7F>{});
    case Format::e4m3: break;
  }
  return visitor(Coding<4, 3, 0x7E>{});
}

}  // namespace skimp::floats
