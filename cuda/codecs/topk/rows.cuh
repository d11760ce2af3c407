/// \file
/// Pieces of work whose results follow one another, a warp each: what they have is counted, added
/// up over the pieces before each, and then put where it belongs.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"
#include "codecs/topk/device_workspace.h"
#include "cuda/device/block.cuh"

namespace skimp::cuda {

/// Of a row: entries, and ties, of which the first so many are entries too. Once they are added up,
/// of all rows before it: entries, ties among them, and ties.
struct Totals {
  std::uint64_t kept;
  std::uint64_t ties;
};
static_assert(sizeof(Totals) == topk::row_bytes);

SKIMP_HOST_DEVICE inline std::uint64_t rows_of(std::uint64_t tiles) {
  return divide_up(tiles, topk::row_tiles);
}

/// Calls visit(row, what is there) for rows begin … end, several of which are read at once.
template <class Visit>
__device__ void for_each_total(const Totals* totals, std::uint64_t begin, std::uint64_t end,
                               Visit&& visit) {
  for_each_step<8>(begin, end, 1, [&](std::uint64_t row, auto steps) {
    constexpr unsigned U = decltype(steps)::value;
    Totals read[U];
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) read[u] = totals[row + u];
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) visit(row + u, read[u]);
  });
}

/// Calls visit(row) for the rows that are this warp's.
template <class Visit>
__device__ void for_each_row(std::uint64_t rows, Visit&& visit) {
  for (std::uint64_t i = first_piece(); i < rows; i += pieces_at_once()) visit(i);
}

/// Adds up what the rows before each have. Called by one block; scratch is shared memory of
/// most_block_warps numbers.
__device__ inline void add_up_rows(Totals* totals, std::uint64_t rows, std::uint64_t most_ties,
                                   std::uint64_t* scratch) {
  const std::uint64_t each = divide_up(rows, blockDim.x);
  const std::uint64_t begin = std::min(threadIdx.x * each, rows);
  const std::uint64_t end = std::min(begin + each, rows);
  Totals mine{0, 0};
  for_each_total(totals, begin, end, [&](std::uint64_t, const Totals& row) {
    mine.kept += row.kept;
    mine.ties += row.ties;
  });
  std::uint64_t all;
  std::uint64_t above = sum_of_threads_before(mine.kept, scratch, all);
  std::uint64_t ties = sum_of_threads_before(mine.ties, scratch, all);
  for_each_total(totals, begin, end, [&](std::uint64_t row, const Totals& here) {
    totals[row] = {above + std::min(ties, most_ties), ties};
    above += here.kept;
    ties += here.ties;
  });
}

}  // namespace skimp::cuda
