/// \file
/// Which arrays a bucket is made of, which of them are factored, and where their parts lie.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace skimp::lowrank {

inline constexpr std::uint64_t largest_rank = 32;

/// A matrix; a vector is a matrix of one column.
struct Shape {
  std::uint64_t rows = 0;
  std::uint64_t columns = 1;
  bool operator==(const Shape&) const = default;
};

/// "512x128+128": a matrix of 512 rows and 128 columns, then a vector of 128. Throws
/// InvalidArgument.
std::vector<Shape> shapes_from_text(std::string_view text);
std::string text_of(const std::vector<Shape>& shapes);

/// One array of the bucket. Factors lie column after column, in two buffers: the first has the P of
/// all factored matrices, then the values of all other arrays; the second has the Q.
struct Piece {
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::uint64_t begin = 0;  ///< its first element in the bucket
  bool factored = false;    ///< unless its factors would be as many values as itself
  std::uint64_t first = 0;  ///< where its part of the first buffer begins
  std::uint64_t second = 0;

  SKIMP_HOST_DEVICE std::uint64_t count() const { return rows * columns; }
};

class Layout {
 public:
  /// The shapes' elements must be at most largest_count in all, the rank 1 to largest_rank.
  Layout(std::uint64_t rank, const std::vector<Shape>& shapes);

  std::uint64_t rank() const { return rank_; }
  std::uint64_t count() const { return count_; }
  const std::vector<Piece>& pieces() const { return pieces_; }

  /// Values of all P: the beginning of the first buffer.
  std::uint64_t p_count() const { return p_count_; }
  std::uint64_t first_count() const { return first_count_; }
  std::uint64_t second_count() const { return second_count_; }

  /// The most of any factored matrix.
  std::uint64_t most_rows() const { return most_rows_; }
  std::uint64_t most_columns() const { return most_columns_; }

 private:
  std::uint64_t rank_;
  std::vector<Piece> pieces_;
  std::uint64_t count_ = 0;
  std::uint64_t p_count_ = 0;
  std::uint64_t first_count_ = 0;
  std::uint64_t second_count_ = 0;
  std::uint64_t most_rows_ = 0;
  std::uint64_t most_columns_ = 0;
};

/// \name Shapes in a payload
/// A number of pieces, then rows and columns of each, all of 64 bits.
/// @{
inline std::uint64_t shapes_bytes(std::uint64_t pieces) { return 8 + 16 * pieces; }

/// Returns the place behind them.
std::byte* write_shapes(const std::vector<Shape>& shapes, std::byte* to);

/// Throws CorruptPayload unless the payload begins with shapes that have `count` elements in all.
std::vector<Shape> read_shapes(Bytes payload, std::uint64_t count);
/// @}

}  // namespace skimp::lowrank
