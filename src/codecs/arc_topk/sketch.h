/// \file
/// Sketches of rows, and the choice of rows by a sketch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "base/philox.h"
#include "codecs/arc_topk/rows.h"

namespace skimp::arc_topk {

inline constexpr std::uint64_t largest_sketch = 16;

/// Vectors of −1 and 1, as what their signs do to the bits of a value: element j of vector c at
/// c · length + j.
template <class Value>
std::vector<BitsOf<Value>> draw_vectors(std::uint64_t seed, RandomStream stream,
                                        std::uint64_t vectors, std::uint64_t length) {
  const std::uint64_t words = vectors * length / 32, groups = divide_up(words, 4);
  std::vector<std::uint32_t> drawn(4 * groups);
  draw_many(seed, stream, 0, groups, drawn.data());
  std::vector<BitsOf<Value>> signs(vectors * length);
  for (std::uint64_t i = 0; i < signs.size(); ++i) {
    const BitsOf<Value> negative = drawn[i / 32] >> (i % 32) & 1;
    signs[i] = negative << (sizeof(Value) * 8 - 1);
  }
  return signs;
}

/// Σ ±x: lane j of 32 adds elements j, j + 32, …; then lanes j and j + 16 are added, j and j + 8,
/// … j and j + 1.
template <class Value>
Value signed_sum(const Value* __restrict x, const BitsOf<Value>* __restrict signs,
                 std::uint64_t n) {
  Value lanes[32] = {};
  const auto term = [&](std::uint64_t i) {
    return std::bit_cast<Value>(std::bit_cast<BitsOf<Value>>(x[i]) ^ signs[i]);
  };
  std::uint64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    for (std::uint64_t j = 0; j < 32; ++j) lanes[j] += term(i + j);
  }
  for (std::uint64_t j = 0; i + j < n; ++j) lanes[j] += term(i + j);
  for (std::uint64_t width = 16; width > 0; width /= 2) {
    for (std::uint64_t j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  }
  return lanes[0];
}

/// Writes the sketch of each row; returns whether all values are finite.
template <class Value>
bool make_sketch(const EncodeJob& job, const Rows& rows, const std::vector<BitsOf<Value>>& signs,
                 Value* sketch) {
  const Source<Value> source(job);
  alignas(64) Value tile[largest_tile];
  bool finite = true;
  for (std::uint64_t row = 0; row < rows.number(); ++row) {
    const std::uint64_t n = rows.size(row);
    const Value* values = source.view(rows.begin(row), n, tile);
    finite &= all_finite(values, n);
    for (std::uint64_t at = 0; at < signs.size(); at += rows.length) {
      *sketch++ = signed_sum(values, &signs[at], n);
    }
  }
  return finite;
}

/// The k rows whose sketches, of `vectors` numbers each, have the largest sums of squares; of equal
/// ones the lower row. NaN is larger than Inf.
template <class Value>
Chosen choose(const Value* sketch, std::uint64_t vectors, const Rows& rows) {
  std::vector<BitsOf<Value>> size(rows.number());
  for (std::uint64_t row = 0; row < rows.number(); ++row, sketch += vectors) {
    Value sum = 0;
    for (std::uint64_t c = 0; c < vectors; ++c) sum += sketch[c] * sketch[c];
    size[row] = magnitude_bits(canonical(sum));
  }
  Chosen chosen(rows.number());
  std::iota(chosen.begin(), chosen.end(), std::uint64_t{0});
  const auto larger = [&](std::uint64_t a, std::uint64_t b) {
    return size[a] != size[b] ? size[a] > size[b] : a < b;
  };
  const auto end = chosen.begin() + static_cast<std::ptrdiff_t>(rows.k);
  std::nth_element(chosen.begin(), end, chosen.end(), larger);
  chosen.erase(end, chosen.end());
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace skimp::arc_topk
