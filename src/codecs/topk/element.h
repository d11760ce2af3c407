/// \file
/// Top-k, one element: what the kernels of every processor compare.
///
/// Values are compared by keys, their magnitudes as integers: NaN is the largest, then Inf, then
/// the numbers. All NaN are equal, since their fractions differ from machine to machine. Keys are
/// signed, since baseline x86 compares signed vectors only; a magnitude leaves the sign bit clear.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "base/numbers.h"

namespace skimp::topk {

template <class Value>
using KeyOf = std::make_signed_t<BitsOf<Value>>;

template <class Value>
inline constexpr auto infinity_key = static_cast<KeyOf<Value>>(infinity_bits<Value>);

/// A key but for NaN, where it is larger.
template <class Value>
SKIMP_HOST_DEVICE inline KeyOf<Value> loose_key_of(Value value) {
  return static_cast<KeyOf<Value>>(magnitude_bits(value));
}

template <class Value>
SKIMP_HOST_DEVICE inline KeyOf<Value> key_of(Value value) {
  return std::min(loose_key_of(value), static_cast<KeyOf<Value>>(infinity_key<Value> + 1));
}

/// A selection: the values with keys above `key`, and the first `ties` of those with `key` itself.
template <class Value>
struct Threshold {
  KeyOf<Value> key = 0;
  std::uint64_t ties = 0;
};

}  // namespace skimp::topk
