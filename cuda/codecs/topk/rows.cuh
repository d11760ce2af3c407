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

/// Calls visit(row, what is there) for rows begin … end, which lie side by side in the lanes, and
/// for the lanes beyond the end with nothing. Several are read at once.
template <class Visit>
__device__ void for_each_total(const Totals* totals, std::uint64_t begin, std::uint64_t end,
                               Visit&& visit) {
  for_each_step<8>(begin + lane(), end + lane(), warp_size, [&](std::uint64_t row, auto steps) {
    constexpr unsigned U = decltype(steps)::value;
    Totals read[U];
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) {
      const std::uint64_t at = row + u * warp_size;
      read[u] = at < end ? totals[at] : Totals{0, 0};
    }
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) visit(row + u * warp_size, read[u]);
  });
}

/// Calls visit(row) for the rows that are this warp's.
template <class Visit>
__device__ void for_each_row(std::uint64_t rows, Visit&& visit) {
  for (std::uint64_t i = first_piece(); i < rows; i += pieces_at_once()) visit(i);
}

/// Adds up what the rows before each have. Called by one block, whose warps take their share of
/// the rows each; scratch is shared memory of most_block_warps numbers.
__device__ inline void add_up_rows(Totals* totals, std::uint64_t rows, std::uint64_t most_ties,
                                   std::uint64_t* scratch) {
  const std::uint64_t each = divide_up(divide_up(rows, warp_size), blockDim.x / warp_size);
  const std::uint64_t begin = std::min(threadIdx.x / warp_size * each * warp_size, rows);
  const std::uint64_t end = std::min(begin + each * warp_size, rows);
  Totals mine{0, 0};
  for_each_total(totals, begin, end, [&](std::uint64_t, const Totals& row) {
    mine.kept += row.kept;
    mine.ties += row.ties;
  });
  std::uint64_t all;
  const auto in_warps_before = [&](std::uint64_t n) {
    return __shfl_sync(all_lanes, sum_of_threads_before(n, scratch, all), 0);
  };
  Totals above{in_warps_before(mine.kept), in_warps_before(mine.ties)};
  for_each_total(totals, begin, end, [&](std::uint64_t row, const Totals& here) {
    const std::uint64_t kept = above.kept + sum_of_lanes_before(here.kept);
    const std::uint64_t ties = above.ties + sum_of_lanes_before(here.ties);
    if (row < end) totals[row] = {kept + std::min(ties, most_ties), ties};
    above = {__shfl_sync(all_lanes, kept + here.kept, warp_size - 1),
             __shfl_sync(all_lanes, ties + here.ties, warp_size - 1)};
  });
}

}  // namespace skimp::cuda
