/// \file
/// A gossip step, one element: what both processors compute (neighbours.h has the formulas).
#pragma once

#include "base/numbers.h"

namespace skimp::mix {

/// difference + lost grows by `term`, of which nothing is rounded off.
template <class Value>
SKIMP_HOST_DEVICE inline void add(Value term, Value& difference, Value& lost) {
  const Value sum = difference + term, back = sum - difference;
  lost += (difference - (sum - back)) + (term - back);
  difference = sum;
}

/// difference becomes difference + lost, rounded once; lost, what that leaves.
template <class Value>
SKIMP_HOST_DEVICE inline void carry(Value& difference, Value& lost) {
  const Value sum = difference + lost;
  lost -= sum - difference;
  difference = sum;
}

}  // namespace skimp::mix
