/// \file
/// Where codecs that send few values write them: each to its element, zeros to all others.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/stream.h"
#include "codecs/elements.h"

namespace skimp {

/// Takes entries in ascending order. What leaves the cache is composed in a tile, so that memory is
/// written once: an entry that is put between zeros in memory costs a line, read and written.
template <class Value>
class SparseSink {
 public:
  /// For `count` elements. Nothing is cleared when adding.
  SparseSink(const Output& output, std::uint64_t count)
      : sink_(output),
        output_(output),
        count_(count),
        composed_(output.streamed && !output.add && is_streamable(output.data)) {
    if (!composed_) sink_.clear(count);
  }

  /// Takes values of elements base + indices[0], base + indices[1], …, which are below count.
  template <class Index>
  void put(std::uint64_t base, std::uint64_t n, const Index* indices, const Value* values) {
    if (!composed_) return sink_.scatter(base, n, indices, values);
    visit_dtype(output_.dtype, [&](auto element) {
      using Element = decltype(element);
      const auto divisor = static_cast<Value>(output_.divisor);
      for (std::uint64_t j = 0; j < n; ++j) {
        const std::uint64_t at = (base + indices[j]) * sizeof(Element);
        while (at >= begin_ + tile_bytes) next_tile();
        store(tile_ + (at - begin_), rounded<Element>(values[j] / divisor));
      }
    });
  }

  /// Must be called after the last entry.
  void finish() {
    if (!composed_) return;
    while (begin_ < count_ * bytes_of(output_.dtype)) next_tile();
    lines_.end();
  }

 private:
  static constexpr std::uint64_t tile_bytes = 1024;

  /// Writes the tile, and begins the next.
  void next_tile() {
    lines_.write(static_cast<std::byte*>(output_.data) + begin_, tile_,
                 std::min(tile_bytes, count_ * bytes_of(output_.dtype) - begin_));
    std::memset(tile_, 0, tile_bytes);
    begin_ += tile_bytes;
  }

  Sink<Value> sink_;
  Output output_;
  std::uint64_t count_;
  bool composed_;
  std::uint64_t begin_ = 0;  ///< of the tile, in bytes
  alignas(64) std::byte tile_[tile_bytes] = {};
  LineStream lines_;
};

}  // namespace skimp
