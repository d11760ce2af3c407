/// \file
/// Input and residual on their way into an encoder: added when they are read.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

namespace skimp {

/// Values that are added when they are read, which must be once, and stay in `place`: the sums of a
/// block and its scale are one pass.
template <class Value>
struct Sums {
  const Value* input;
  const Value* residual;
  Value* place;  ///< may be `residual`
  Value operator[](std::uint64_t i) const { return place[i] = input[i] + residual[i]; }
};

/// The same, added to what is in their place.
template <class Value>
struct AddedSums {
  const Value* input;
  const Value* residual;
  Value* place;
  Value operator[](std::uint64_t i) const {
    const Value value = input[i] + residual[i];
    place[i] += value;
    return value;
  }
};

/// Sums for who reads them twice: adding again takes less than storing what the cache holds anyway.
template <class Value>
struct LazySums {
  const Value* input;
  const Value* residual;
  Value operator[](std::uint64_t i) const { return input[i] + residual[i]; }
};

/// Values that were read, as an array.
template <class Value>
const Value* array_of(const Value* values) {
  return values;
}
template <class Value>
const Value* array_of(const Sums<Value>& values) {
  return values.place;
}

/// What the elements of an array, or of sums, are.
template <class Values>
using ValueOf = std::remove_cvref_t<decltype(std::declval<const Values&>()[0])>;

}  // namespace skimp
