/// \file
/// Sign, one element: what the kernels of every processor compute.
#pragma once

#include <bit>

#include "base/numbers.h"

namespace skimp::sign {

template <class Value>
inline constexpr BitsOf<Value> sign_mask = BitsOf<Value>{1} << (sizeof(Value) * 8 - 1);

template <class Value>
SKIMP_HOST_DEVICE inline bool is_negative(Value x) {
  return (std::bit_cast<BitsOf<Value>>(x) & sign_mask<Value>) != 0;
}

/// What the element is decoded to: the scale, or −scale.
template <class Value>
SKIMP_HOST_DEVICE inline Value decoded(Value scale, bool negative) {
  const BitsOf<Value> sign = negative ? sign_mask<Value> : BitsOf<Value>{0};
  return std::bit_cast<Value>(std::bit_cast<BitsOf<Value>>(scale) | sign);
}

/// What ±scale, with the sign of x, leaves of x.
template <class Value>
SKIMP_HOST_DEVICE inline Value rest(Value x, Value scale) {
  const BitsOf<Value> sign = std::bit_cast<BitsOf<Value>>(x) & sign_mask<Value>;
  return x - std::bit_cast<Value>(std::bit_cast<BitsOf<Value>>(scale) | sign);
}

}  // namespace skimp::sign
