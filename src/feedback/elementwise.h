/// \file
/// One pass over arrays, element by element, in the accumulator's type: what the variants of
/// feedback and the steps built on it are made of.
#pragma once

#include <cstdint>

#include "base/isa.h"
#include "codecs/elements.h"

namespace skimp {

/// Calls each(i, x) for the elements x of an array of `dtype`.
template <class Value, class Each>
void for_each_element(const void* input, DType dtype, std::uint64_t count, Each&& each) {
  const Source<Value> source(input, dtype);
  on_isa([&](auto) {
    for_each_tile(source, count, [&](std::uint64_t begin, std::uint64_t n, const Value* x) {
      for (std::uint64_t i = 0; i < n; ++i) each(begin + i, x[i]);
    });
  });
}

/// Writes each(i, x) to element i of `output`, whose type is `dtype`, for values x of the
/// accumulator's. The arrays may be one.
template <class Value, class Each>
void map_elements(const void* input, void* output, DType dtype, std::uint64_t count, Each&& each) {
  const Source<Value> source(input, accumulator_of(dtype));
  const Sink<Value> sink({.data = output, .dtype = dtype});
  on_isa([&](auto) {
    for_each_tile(source, count, [&](std::uint64_t begin, std::uint64_t n, const Value* x) {
      alignas(64) Value result[tile_elements];
      for (std::uint64_t i = 0; i < n; ++i) result[i] = each(begin + i, x[i]);
      sink.put(begin, n, result);
    });
  });
}

}  // namespace skimp
