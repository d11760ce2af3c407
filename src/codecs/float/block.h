/// \file
/// Float, one block; see blocks.h. The scale is the least power of two that brings every value
/// within the format.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"
#include "codecs/blocks.h"
#include "codecs/float/format.h"

namespace skimp::floats {

template <class Coding, class Value>
struct Encoder {
  std::byte* codes;

  template <class Values>
  Value scale_of(const Values& x, std::uint64_t n) const {
    const Value largest = largest_magnitude(x, n);
    if (!is_finite(largest)) return largest;
    const Value scale = power_of_two<Value>(floor_log2(largest) - Coding::largest_exponent);
    return largest > static_cast<Value>(Coding::largest()) * scale ? scale + scale : scale;
  }

  void emit(auto, Value scale, std::uint64_t begin, const Value* x, std::uint64_t n,
            Value* rest) const {
    using Code = typename Coding::Code;
    std::byte* __restrict to = codes + begin * sizeof(Code);
    const std::int32_t limit = largest_finite(scale);
#pragma GCC ivdep
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::int32_t code = Coding::code_of(static_cast<float>(x[i] / scale), limit);
      store(to + i * sizeof(Code), static_cast<Code>(code));
      rest[i] = x[i] - static_cast<Value>(Coding::value_of(code)) * scale;
    }
  }

  void erase(std::uint64_t begin, std::uint64_t n) const {
    constexpr std::uint64_t bytes = sizeof(typename Coding::Code);
    std::fill(codes + begin * bytes, codes + (begin + n) * bytes, std::byte{0});
  }

 private:
  /// The largest code whose value is finite: values next to the largest that there is would be
  /// rounded up to one more than that.
  static std::int32_t largest_finite(Value scale) {
    const Value beyond = power_of_two<Value>(exponent_bias<Value>) / scale * Value{2};
    if (beyond > static_cast<Value>(Coding::largest())) return Coding::largest_code;
    return Coding::code_of(static_cast<float>(beyond), Coding::largest_code) - 1;
  }
};

/// Codes are checked when all have been decoded: a corrupt payload leaves nonsense in the output.
template <class Coding, class Value>
struct Decoder {
  const std::byte* codes;
  std::int32_t largest = 0;

  void decode(auto, Value scale, std::uint64_t begin, std::uint64_t n, Value* __restrict x) {
    using Code = typename Coding::Code;
    require_power_of_two(scale, "float", begin);
    const std::byte* __restrict from = codes + begin * sizeof(Code);
    std::int32_t seen = largest;
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::int32_t code = load<Code>(from + i * sizeof(Code));
      seen = std::max(seen, code & (Coding::sign - 1));
      x[i] = static_cast<Value>(Coding::value_of(code)) * scale;
    }
    largest = seen;
  }

  void finish() const {
    require_intact(largest <= Coding::largest_code, "float: code ", largest, " exceeds ",
                   Coding::largest_code, ", that of the largest finite number");
  }
};

}  // namespace skimp::floats
