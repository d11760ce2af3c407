/// \file
/// Where the parts of a block_topk payload lie: blocks one after the other, each with an exponent
/// (if scaled), its values and its indices.
#pragma once

#include <algorithm>
#include <cstdint>

#include "codecs/topk/indices.h"
#include "codecs/topk/values.h"

namespace skimp::topk {

/// One block of n elements that keeps k.
struct BlockShape {
  BlockShape(std::uint64_t n, std::uint64_t k, Format format, bool is_scaled)
      : indices(n, k),
        scaled(is_scaled),
        values_begin(scaled ? sizeof(std::int16_t) : 0),
        indices_begin(values_begin + k * bytes_of(format)),
        bytes(indices_begin + indices.bytes) {}

  IndexShape indices;
  bool scaled;
  std::uint64_t values_begin;
  std::uint64_t indices_begin;
  std::uint64_t bytes;
};

/// An array of `count`: full blocks of `block` elements that keep k, and what is left over, which
/// keeps its share of k, rounded, and at least one.
struct ArrayShape {
  ArrayShape(std::uint64_t count, std::uint64_t block, std::uint64_t k, Format format,
             std::uint64_t accumulator_bytes)
      : blocks(count / block),
        last_count(count % block),
        full(block, k, format, is_scaled(format, accumulator_bytes)),
        last(last_count, share_of(last_count, block, k), format, full.scaled),
        bytes(blocks * full.bytes + (last_count > 0 ? last.bytes : 0)) {}

  static std::uint64_t share_of(std::uint64_t n, std::uint64_t block, std::uint64_t k) {
    const std::uint64_t rounded = (2 * k * n + block) / (2 * block);
    return std::min(std::max(std::uint64_t{1}, rounded), n);
  }

  std::uint64_t kept() const { return blocks * full.indices.k + last.indices.k; }

  /// Calls visit(block shape, first element, first byte) for all blocks in order.
  template <class Visit>
  void for_each_block(Visit&& visit) const {
    for (std::uint64_t i = 0; i < blocks; ++i) {
      visit(full, i * full.indices.count, i * full.bytes);
    }
    if (last_count > 0) visit(last, blocks * full.indices.count, blocks * full.bytes);
  }

  std::uint64_t blocks;
  std::uint64_t last_count;
  BlockShape full;
  BlockShape last;
  std::uint64_t bytes;
};

}  // namespace skimp::topk
