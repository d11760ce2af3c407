/// \file
/// The values of a top-k payload: float32, float16 or bfloat16 (float64 in the partial sums of
/// collectives), where the format is narrower than
/// the values under a power-of-two scale per frame, which brings the largest to the top of the
/// format's range.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/half.h"
#include "base/numbers.h"

namespace skimp::topk {

/// Wire values.
enum class Format : std::uint8_t { float32 = 0, float16 = 1, bfloat16 = 2, float64 = 3 };

inline const char* name_of(Format format) {
  switch (format) {
    case Format::float32: return "float32";
    case Format::float16: return "float16";
    case Format::bfloat16: return "bfloat16";
    case Format::float64: return "float64";
  }
  return "unknown";
}

/// float32 for a name that is no other's.
inline Format format_of(std::string_view name) {
  for (const Format format : {Format::float16, Format::bfloat16}) {
    if (name == name_of(format)) return format;
  }
  return Format::float32;
}

SKIMP_HOST_DEVICE inline std::uint64_t bytes_of(Format format) {
  switch (format) {
    case Format::float32: return 4;
    case Format::float64: return 8;
    default: return 2;
  }
}

/// Exponents beyond these are refused: no float64 needs them.
inline constexpr std::int32_t largest_exponent = 1100;

SKIMP_HOST_DEVICE inline bool is_exponent(std::int32_t exponent) {
  return exponent >= -largest_exponent && exponent <= largest_exponent;
}

/// Whether a payload of values kept in an accumulator of `accumulator_bytes` has an exponent.
SKIMP_HOST_DEVICE inline bool is_scaled(Format format, std::uint64_t accumulator_bytes) {
  return bytes_of(format) < accumulator_bytes;
}

/// Stores and loads values of one payload. `Value` is the accumulator's type.
template <class Value>
class ValueCoding {
 public:
  SKIMP_HOST_DEVICE ValueCoding(Format format, std::int32_t exponent)
      : format_(format), down_(-exponent), up_(exponent) {}

  /// The exponent that suits values of magnitudes up to `largest`, finite. The largest becomes a
  /// float16 from 2^14 to 2^15: rounding cannot take it to Inf.
  SKIMP_HOST_DEVICE static std::int32_t exponent_for(Format format, Value largest) {
    if (!is_scaled(format, sizeof(Value)) || largest == Value{0}) return 0;
    return floor_log2(largest) - (format == Format::float16 ? 14 : 0);
  }

  std::int32_t exponent() const { return up_.exponent(); }

  /// A value as it is stored, and back; Stored is the format's, and not double.
  template <class Stored>
  SKIMP_HOST_DEVICE Stored stored(Value value) const {
    return convert<Stored>(canonical(static_cast<float>(down_.apply(value))));
  }
  template <class Stored>
  SKIMP_HOST_DEVICE Value loaded(Stored stored) const {
    return static_cast<Value>(up_.apply(static_cast<Value>(convert<float>(stored))));
  }

  /// Writes n values as entries j, j + 1, … of the payload's values, and to `stored` (unless null)
  /// what a decoder reads.
  void put(std::byte* payload, std::uint64_t j, std::uint64_t n, const Value* values,
           Value* stored) const {
    std::byte* to = payload + j * bytes_of(format_);
    switch (format_) {
      case Format::float32: put_as<float>(to, n, values); break;
      case Format::float16: put_as<Half>(to, n, values); break;
      case Format::bfloat16: put_as<BFloat16>(to, n, values); break;
      case Format::float64: put_double(to, n, values); break;
    }
    if (stored != nullptr) get(payload, j, n, stored);
  }

  /// Reads entries j, j + 1, …
  void get(const std::byte* payload, std::uint64_t j, std::uint64_t n, Value* values) const {
    const std::byte* from = payload + j * bytes_of(format_);
    switch (format_) {
      case Format::float32: return get_as<float>(from, n, values);
      case Format::float16: return get_as<Half>(from, n, values);
      case Format::bfloat16: return get_as<BFloat16>(from, n, values);
      case Format::float64: return get_double(from, n, values);
    }
  }

 private:
  template <class Stored>
  void put_as(std::byte* __restrict to, std::uint64_t n, const Value* __restrict values) const {
    const ValueCoding coding = *this;  // Stores to bytes might change *this.
    for (std::uint64_t i = 0; i < n; ++i) {
      store(to + i * sizeof(Stored), coding.stored<Stored>(values[i]));
    }
  }

  template <class Stored>
  void get_as(const std::byte* __restrict from, std::uint64_t n, Value* __restrict values) const {
    const ValueCoding coding = *this;
    for (std::uint64_t i = 0; i < n; ++i) {
      values[i] = coding.loaded(load<Stored>(from + i * sizeof(Stored)));
    }
  }

  /// Never scaled.
  static void put_double(std::byte* __restrict to, std::uint64_t n,
                         const Value* __restrict values) {
    for (std::uint64_t i = 0; i < n; ++i) {
      store(to + i * sizeof(double), canonical(static_cast<double>(values[i])));
    }
  }

  static void get_double(const std::byte* __restrict from, std::uint64_t n,
                         Value* __restrict values) {
    for (std::uint64_t i = 0; i < n; ++i) {
      values[i] = static_cast<Value>(load<double>(from + i * sizeof(double)));
    }
  }

  /// Times 2^exponent, rounded once. Floats are multiplied as doubles, where nothing is rounded; a
  /// double's exponent may be out of a double's range, and goes the slow way.
  class Scale {
   public:
    SKIMP_HOST_DEVICE explicit Scale(int exponent)
        : exponent_(exponent), factor_(times_power_of_two(1.0, exponent)) {}
    int exponent() const { return exponent_; }
    SKIMP_HOST_DEVICE double apply(float x) const { return static_cast<double>(x) * factor_; }
    SKIMP_HOST_DEVICE double apply(double x) const { return times_power_of_two(x, exponent_); }

   private:
    int exponent_;
    double factor_;
  };

  Format format_;
  Scale down_, up_;
};

/// What a decoder reads of a value in the midst of a format's range, whatever the exponent: there a
/// scale by powers of two changes nothing, and the value is rounded to the format's fraction. A
/// guess for all others.
template <class Value>
class Rounding {
 public:
  SKIMP_HOST_DEVICE explicit Rounding(Format format)
      : bits_(format == Format::float16    ? narrowing + 13
              : format == Format::bfloat16 ? narrowing + 16
                                           : 0) {}

  SKIMP_HOST_DEVICE Value operator()(Value value) const {
    if constexpr (narrowing > 0) value = without(value, narrowing);
    return bits_ == 0 ? value : without(value, bits_);
  }

 private:
  /// Doubles become floats first, and are rounded twice.
  static constexpr int narrowing = fraction_bits<Value> - fraction_bits<float>;

  /// Rounded to a fraction that ends in n zeros, ties to even.
  SKIMP_HOST_DEVICE static Value without(Value value, int n) {
    const auto bits = std::bit_cast<BitsOf<Value>>(value);
    const BitsOf<Value> last = BitsOf<Value>{1} << n;
    return std::bit_cast<Value>((bits + last / 2 - 1 + (bits >> n & 1)) & ~(last - 1));
  }

  int bits_;
};

}  // namespace skimp::topk
