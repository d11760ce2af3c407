/// \file
/// The k-th largest magnitude, exactly, in linear time whatever the data.
///
/// Values are compared by keys, their magnitudes as integers: NaN is the largest, then Inf, then
/// the numbers. All NaN are equal, since their fractions differ from machine to machine. Keys are
/// signed, since baseline x86 compares signed vectors only; a magnitude leaves the sign bit clear.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "base/bytes.h"
#include "base/numbers.h"
#include "codecs/elements.h"

namespace skimp::topk {

template <class Value>
using KeyOf = std::make_signed_t<BitsOf<Value>>;

template <class Value>
inline constexpr auto infinity_key = static_cast<KeyOf<Value>>(infinity_bits<Value>);

/// A key but for NaN, where it is larger.
template <class Value>
KeyOf<Value> loose_key_of(Value value) {
  return static_cast<KeyOf<Value>>(magnitude_bits(value));
}

template <class Value>
KeyOf<Value> key_of(Value value) {
  return std::min(loose_key_of(value), infinity_key<Value> + 1);
}

/// Calls visit(i, key) for those of n ≤ tile_elements values whose key exceeds `bound`, in order.
/// The visit may raise the bound. Few values are expected to exceed it: comparing is a loop apart,
/// without branches, and visiting looks at eight results at a time.
template <class Value, class Visit>
void for_each_above(const Value* values, std::uint64_t n, const KeyOf<Value>& bound,
                    Visit&& visit) {
  alignas(64) std::byte above[tile_elements];
  const KeyOf<Value> first_bound = bound;
  for (std::uint64_t i = 0; i < n; ++i) above[i] = std::byte{loose_key_of(values[i]) > first_bound};
  for (std::uint64_t i = n; i % 8 != 0; ++i) above[i] = std::byte{0};
  for (std::uint64_t begin = 0; begin < n; begin += 8) {
    for (auto hits = load<std::uint64_t>(above + begin); hits != 0; hits &= hits - 1) {
      const std::uint64_t i = begin + static_cast<std::uint64_t>(std::countr_zero(hits)) / 8;
      const KeyOf<Value> key = key_of(values[i]);
      if (key > bound) visit(i, key);
    }
  }
}

/// A selection: the values with keys above `key`, and the first `ties` of those with `key` itself.
template <class Value>
struct Threshold {
  KeyOf<Value> key = 0;
  std::uint64_t ties = 0;
};

/// The k-th largest key by radix: a histogram of the leading digit tells that of the k-th key; the
/// next pass looks at the next digit of the keys that share it, and so on: 3 passes for float, 6
/// for double. `for_each_run(visit)` calls visit(values, n) until all were seen. k is at least one
/// and at most the number of values.
template <class Value, class ForEachRun>
Threshold<Value> find_threshold(std::uint64_t k, ForEachRun&& for_each_run) {
  using Key = KeyOf<Value>;
  constexpr int digit_bits = 11;
  Threshold<Value> found{0, k};  // The digits known so far; the rank among keys that share them.
  for (int unknown = static_cast<int>(sizeof(Key)) * 8 - 1; unknown > 0;) {
    const int width = std::min(digit_bits, unknown);
    unknown -= width;
    // Two tables: neighbours often fall into one bucket, whose increments wait for one another.
    std::uint64_t histogram[2][1 << digit_bits] = {};
    for_each_run([&histogram, prefix = found.key, shift = unknown, width](const Value* values,
                                                                          std::uint64_t n) {
      for (std::uint64_t i = 0; i < n; ++i) {
        const Key digits = key_of(values[i]) >> shift;
        if (digits >> width != prefix) continue;
        ++histogram[i % 2][digits & ((Key{1} << width) - 1)];
      }
    });
    Key digit = (Key{1} << width) - 1;
    for (;; --digit) {
      const std::uint64_t equal = histogram[0][digit] + histogram[1][digit];
      if (found.ties <= equal) break;
      found.ties -= equal;
    }
    found.key = found.key << width | digit;
  }
  return found;
}

}  // namespace skimp::topk
