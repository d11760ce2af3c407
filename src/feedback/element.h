/// \file
/// Variants of feedback, one element: what both processors compute before and after a reduction
/// (docs/feedback.md has the formulas).
#pragma once

#include <bit>
#include <cstdint>

#include "base/numbers.h"

namespace skimp {

namespace ef21 {

/// The estimate grows by what was delivered of the difference, the mean by that of all ranks.
/// Where the mean is not finite both stay as they were. Returns the grown mean.
template <class Value>
SKIMP_HOST_DEVICE inline Value grow(Value difference, Value left_out, Value change, Value& estimate,
                                    Value& mean) {
  const Value grown = mean + change;
  const Value delivered = difference - left_out;
  const bool finite = is_finite(grown);
  estimate = finite ? estimate + delivered : estimate;
  mean = finite ? grown : mean;
  return grown;
}

}  // namespace ef21

namespace momentum {

/// Squares are added up in float64, in spans of so many elements: lane j of 32 adds a span's
/// elements j, j + 32, …, then lanes j and j + 16 are added, j and j + 8, … j and j + 1; then the
/// spans are added in order.
inline constexpr std::uint64_t span_elements = 4096;

/// A velocity before it is sent.
template <class Value>
SKIMP_HOST_DEVICE inline Value accelerated(Value velocity, Value momentum, Value input,
                                           Value factor) {
  return velocity * momentum + input * factor;
}

/// What stays of it: all of it where it is finite and, with masking, where at least half of the
/// value, velocity + residual, was left out.
template <class Value>
SKIMP_HOST_DEVICE inline Value kept(Value velocity, Value residual, Value left_out, bool masking) {
  const Value total = std::bit_cast<Value>(magnitude_bits(velocity + residual));
  const Value left = std::bit_cast<Value>(magnitude_bits(left_out));
  const bool sent = masking && 2 * left < total;
  return is_finite(velocity) && !sent ? velocity : Value{0};
}

}  // namespace momentum

}  // namespace skimp
