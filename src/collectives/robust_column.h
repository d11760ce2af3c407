/// \file
/// Robust reductions, one element: the values that all ranks have for it, which both processors
/// compare and add in the same order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "base/numbers.h"

namespace skimp::robust {

/// Signed integers in the order of the numbers; its own inverse but for NaN. Those of negative
/// numbers have all other bits flipped.
template <class Value>
using KeyOf = std::make_signed_t<BitsOf<Value>>;

template <class Key>
SKIMP_HOST_DEVICE inline Key flip_negative(Key bits) {
  return bits ^ ((bits >> (sizeof(Key) * 8 - 1)) & std::numeric_limits<Key>::max());
}

template <class Value>
SKIMP_HOST_DEVICE inline KeyOf<Value> key_of(Value value) {
  const auto key = flip_negative(std::bit_cast<KeyOf<Value>>(value));
  return is_nan(value) ? std::numeric_limits<KeyOf<Value>>::max() : key;
}

template <class Value>
SKIMP_HOST_DEVICE inline Value value_of(KeyOf<Value> key) {
  return canonical(std::bit_cast<Value>(flip_negative(key)));
}

/// −1, 0 or 1.
template <class Value>
SKIMP_HOST_DEVICE inline KeyOf<Value> sign_of(Value value) {
  return KeyOf<Value>{value > 0} - KeyOf<Value>{value < 0};
}

/// Calls compare(i, j), i < j, for the comparisons of Batcher's merge exchange, which sort any
/// number of rows (Knuth, The Art of Computer Programming, 5.2.2 M). They do not depend on the
/// values, so that whole rows can be compared.
template <class Compare>
SKIMP_HOST_DEVICE inline void for_each_comparison(int rows, Compare&& compare) {
  const int top = (1 << bit_width(static_cast<std::uint32_t>(rows - 1))) / 2;
  for (int p = top; p > 0; p /= 2) {
    int r = 0;
    int d = p;
    for (int q = top;; q /= 2) {
      for (int i = 0; i + d < rows; ++i) {
        if ((i & p) == r) compare(i, i + d);
      }
      if (q == p) break;
      d = q - p;
      r = p;
    }
  }
}

}  // namespace skimp::robust
