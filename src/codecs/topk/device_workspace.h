/// \file
/// What top-k's kernels keep on the device between one another, and where. The kernels take the
/// array in tiles, one a warp at a time, and in rows of tiles where order matters.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"
#include "codecs/codec.h"
#include "codecs/topk/guess.h"
#include "codecs/topk/indices.h"

namespace skimp::topk {

/// Bytes of the values of a tile: 128 of each lane, which stay in registers.
inline constexpr unsigned tile_bytes = 4096;
inline constexpr unsigned row_tiles = 32;

/// Bytes of what is counted of a row.
inline constexpr std::uint64_t row_bytes = 16;

/// How many values a guess looks at: of large arrays more, since the better the guess, the less is
/// listed that is not kept; but no more than one block has registers for.
inline constexpr std::uint64_t least_sample_bytes = 32 << 10, most_sample_bytes = 128 << 10;
constexpr std::uint64_t sampled_of(std::uint64_t count, std::uint64_t value_bytes) {
  return std::clamp(count / 64, least_sample_bytes / value_bytes, most_sample_bytes / value_bytes);
}

inline constexpr int digit_bits = 11;

/// The list of candidates has as many parts, each with a count of its own in a line of its own:
/// thousands of warps append, and would wait for one.
inline constexpr unsigned list_parts = 64;
inline constexpr unsigned count_bytes = 128;

/// How a warp each decodes the string in which every index has a bit: a row of words. Rows are
/// short, since what is in a word is decoded one after the other, but there are not many: one block
/// adds up what they have.
struct BitRows {
  explicit BitRows(const IndexShape& shape) {
    if (shape.coding == IndexCoding::words) return;
    const std::uint64_t low_bytes = shape.coding == IndexCoding::bitmap ? 0 : shape.low_bytes;
    const std::uint64_t words = divide_up(shape.bytes - low_bytes, 4);
    each = 32 * std::max(std::uint64_t{1}, divide_up(words, std::uint64_t{32} << 14));
    number = divide_up(words, each);
  }

  std::uint64_t each = 0;  ///< words
  std::uint64_t number = 0;
};

/// Where the parts of an encode's workspace begin.
struct EncodeWorkspace {
  EncodeWorkspace(std::uint64_t count, std::uint64_t k, std::uint64_t value_bytes)
      : guess(count, k, sampled_of(count, value_bytes)),
        tiles(divide_up(count, tile_bytes / value_bytes)),
        rows(divide_up(tiles, row_tiles)) {
    take(256);  // the state of the search
    bins = take((std::uint64_t{1} << digit_bits) * 8);
    counts = take(guess.capacity == 0 ? 0 : list_parts * count_bytes);
    values = take(guess.capacity * value_bytes);
    places = take(guess.capacity * 2);
    ranges = take(guess.capacity == 0 ? 0 : tiles * 8);
    totals = take(k == 0 ? 0 : rows * row_bytes);
    kept = take(k * 8);
  }

  GuessShape guess;
  std::uint64_t tiles;
  std::uint64_t rows;
  std::uint64_t bins = 0;    ///< of a digit: 8 bytes each
  std::uint64_t counts = 0;  ///< of the list's parts: count_bytes each
  std::uint64_t values = 0;  ///< of the list
  std::uint64_t places = 0;  ///< of its values, in their tiles: 2 bytes each
  std::uint64_t ranges = 0;  ///< of the list, one of each tile: 8 bytes
  std::uint64_t totals = 0;  ///< of each row: row_bytes
  std::uint64_t kept = 0;    ///< indices, in order: 8 bytes each
  std::uint64_t bytes = 0;

 private:
  std::uint64_t take(std::uint64_t n) {
    const std::uint64_t begin = bytes;
    bytes += divide_up(n, 64) * 64;
    return begin;
  }
};

inline DeviceWorkspaceBytes device_workspace_bytes(std::uint64_t count, std::uint64_t k,
                                                   DType dtype) {
  return {EncodeWorkspace(count, k, skimp::bytes_of(accumulator_of(dtype))).bytes,
          BitRows(IndexShape(count, k)).number * row_bytes};
}

}  // namespace skimp::topk
