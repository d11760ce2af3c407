/// \file
/// What the kernels keep in a device's memory between the steps of one factorisation, and where.
#pragma once

#include <algorithm>
#include <cstdint>

#include "codecs/lowrank/element.h"
#include "codecs/lowrank/layout.h"

namespace skimp::lowrank {

/// Columns of P and Q that a kernel computes at once. Those that the rank lacks are zeros.
inline std::uint64_t padded_rank(std::uint64_t rank) {
  return rank <= 4 ? 4 : rank <= 8 ? 8 : rank <= 16 ? 16 : 32;
}

inline std::uint64_t column_spans(const Piece& piece) {
  return divide_up(piece.columns, span_columns);
}
inline std::uint64_t row_spans(const Piece& piece) { return divide_up(piece.rows, span_rows); }

/// Values of a product's sums over single spans; none are kept where there is one span.
inline std::uint64_t sketch_values(std::uint64_t rank, const Piece& piece) {
  const std::uint64_t spans = piece.factored ? column_spans(piece) : 0;
  return spans > 1 ? spans * rank * piece.rows : 0;
}
inline std::uint64_t projection_values(std::uint64_t rank, const Piece& piece) {
  const std::uint64_t spans = piece.factored ? row_spans(piece) : 0;
  return spans > 1 ? spans * rank * piece.columns : 0;
}

/// Doubles in which orthonormalisation of columns of n values keeps the sums of spans: two sets of
/// two.
inline std::uint64_t sums_of(std::uint64_t n) { return 2 * 2 * divide_up(n, span_values); }

/// Bytes from the workspace's begin. Factors that the products read lie row after row, padded_rank
/// values each, so that a row is read in few pieces.
struct DeviceWorkspace {
  std::uint64_t start = 0;  ///< S of all pieces
  std::uint64_t p;          ///< P̂
  std::uint64_t partial;    ///< sums over spans
  std::uint64_t columns;    ///< of doubles, while they are made orthonormal
  std::uint64_t sums;
  std::uint64_t bytes;

  DeviceWorkspace(const Layout& layout, std::uint64_t value_bytes) {
    const std::uint64_t rank = layout.rank(), row = padded_rank(rank) * value_bytes;
    std::uint64_t sketches = 0, projections = 0, sums_of_p = 0, sums_of_q = 0;
    for (const Piece& piece : layout.pieces()) {
      sketches += sketch_values(rank, piece);
      projections += projection_values(rank, piece);
      if (!piece.factored) continue;
      sums_of_p += sums_of(piece.rows);
      sums_of_q += sums_of(piece.columns);
    }
    const auto after = [](std::uint64_t begin, std::uint64_t size) {
      return begin + divide_up(size, 64) * 64;
    };
    p = after(start, layout.second_count() / rank * row);
    partial = after(p, layout.p_count() / rank * row);
    columns = after(partial, std::max(sketches, projections) * value_bytes);
    sums = after(columns, std::max(layout.p_count(), layout.second_count()) * sizeof(double));
    bytes = after(sums, std::max(sums_of_p, sums_of_q) * sizeof(double));
  }
};

}  // namespace skimp::lowrank
