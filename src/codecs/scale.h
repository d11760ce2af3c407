/// \file
/// The scale of a block, as received.
#pragma once

#include <bit>

#include "base/numbers.h"

namespace skimp {

/// Every scale that an encoder writes is a magnitude or the canonical NaN.
template <class Value>
SKIMP_HOST_DEVICE inline bool is_scale(Value x) {
  const auto bits = std::bit_cast<BitsOf<Value>>(x);
  return bits < infinity_bits<Value> ||
         bits == std::bit_cast<BitsOf<Value>>(canonical_nan<Value>());
}

}  // namespace skimp
