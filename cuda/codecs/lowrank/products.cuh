/// \file
/// P = M·S and Q = Mᵀ·P̂, each in one pass over M, for K = padded_rank columns at once.
///
/// A warp takes a few rows (of P) or columns (of Q) of one span, and keeps their sums in registers.
/// For P a lane is a lane of the sum; for Q a lane has columns of its own and goes down the rows.
/// Sums over single spans are then added in order (spans.cuh), unless there is one.
#pragma once

#include <cstdint>

#include "codecs/lowrank/device_workspace.h"
#include "cuda/codecs/batch.cuh"
#include "cuda/codecs/lowrank/shares.cuh"
#include "cuda/codecs/lowrank/values.cuh"

namespace skimp::cuda::lowrank {

using skimp::lowrank::lanes;
using skimp::lowrank::Piece;
using skimp::lowrank::span_columns;
using skimp::lowrank::span_rows;

static_assert(lanes == warp_size);

/// A matrix, and where in `partial` its sums over spans begin.
struct Factored {
  Piece piece;
  std::uint64_t partial = 0;
};

template <class Value>
struct ProductJob {
  Batch<Factored> batch;
  Matrix<Value> matrix;
  std::uint64_t rank;
  const Value* factor;  ///< S or P̂, row after row
  Value* partial;
  Value* buffer;  ///< where P or Q is wanted
  DeviceStatus* status;
  Value* kept = nullptr;  ///< where M is left for the steps after a sketch; null: nowhere
};

// ---- P = M·S ------------------------------------------------------------------------------------

/// R rows of P, of which there are all, over a span of columns.
template <unsigned R, unsigned K, class Value>
__device__ void sketch_rows_of(const ProductJob<Value>& job, const Factored& entry,
                               std::uint64_t row, std::uint64_t span) {
  const Piece& piece = entry.piece;
  const std::uint64_t column = span * span_columns, rest = piece.columns - column;
  const std::uint64_t columns = rest < span_columns ? rest : span_columns;
  const std::uint64_t begin = piece.begin + row * piece.columns + column;
  const Value* start = job.factor + (piece.second / job.rank + column) * K;

  Value sums[R][K] = {};
  for_each_step<sketch_ahead<Value, K>>(lane(), columns, lanes, [&](std::uint64_t j, auto steps) {
    constexpr unsigned U = decltype(steps)::value;
    const auto places = places_in<R, U>(begin + j, piece.columns, U * warp_size);
    Value m[R * U];
    job.matrix.load(places, m);
    if (job.kept != nullptr) store_values(job.kept, places, m);
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) {
      Value factors[K];
      load_row(start + (j + u * lanes) * K, factors);
      SKIMP_UNROLL
      for (unsigned c = 0; c < K; ++c) {
        SKIMP_UNROLL
        for (unsigned r = 0; r < R; ++r) sums[r][c] += m[r * U + u] * factors[c];
      }
    }
  });

  const bool whole = piece.columns <= span_columns;
  Value* to =
      whole ? job.buffer + piece.first : job.partial + entry.partial + span * job.rank * piece.rows;
  bool finite = true;
  SKIMP_UNROLL
  for (unsigned c = 0; c < K; ++c) {
    SKIMP_UNROLL
    for (unsigned r = 0; r < R; ++r) {
      Value sum = sums[r][c];
      SKIMP_UNROLL
      for (unsigned width = lanes / 2; width > 0; width /= 2) {
        sum += __shfl_down_sync(all_lanes, sum, width);
      }
      if (lane() != 0 || c >= job.rank) continue;
      to[c * piece.rows + row + r] = canonical(sum);
      finite = finite && is_finite(sum);
    }
  }
  if (whole && !finite) report(job.status, nonfinite_status);
}

template <class Value, unsigned K>
__device__ void sketch_span(const ProductJob<Value>& job, std::uint64_t index) {
  constexpr unsigned R = sketch_rows<Value, K>;
  const auto [entry, item] = job.batch.find(index);
  const std::uint64_t groups = divide_up(entry.piece.rows, R);
  const std::uint64_t row = item % groups * R, span = item / groups, last = row + R;
  const std::uint64_t end = last < entry.piece.rows ? last : entry.piece.rows;
  for_each_step<R>(row, end, 1, [&](std::uint64_t i, auto steps) {
    sketch_rows_of<decltype(steps)::value, K>(job, entry, i, span);
  });
}

template <class Value, unsigned K>
__global__ void __launch_bounds__(block_threads, (blocks_held<Value, K>))
    sketch_spans(ProductJob<Value> job) {
  const std::uint64_t items = job.batch.ends[job.batch.count - 1];
  for (std::uint64_t i = first_piece(); i < items; i += pieces_at_once()) {
    sketch_span<Value, K>(job, i);
  }
}

template <class Value, unsigned K>
std::uint64_t sketch_items(const Piece& piece) {
  return divide_up(piece.rows, sketch_rows<Value, K>) * skimp::lowrank::column_spans(piece);
}

// ---- Q = Mᵀ·P̂ -----------------------------------------------------------------------------------

template <class Value, unsigned K>
__device__ void project_span(const ProductJob<Value>& job, std::uint64_t index) {
  constexpr unsigned W = project_columns<Value, K>;
  const auto [entry, item] = job.batch.find(index);
  const Piece& piece = entry.piece;
  const std::uint64_t strips = divide_up(piece.columns, W * warp_size);
  const std::uint64_t column = item % strips * W * warp_size + lane(), span = item / strips;
  const std::uint64_t left = column < piece.columns ? piece.columns - column : 0;
  const std::uint64_t row = span * span_rows, rest = piece.rows - row;
  const std::uint64_t rows = rest < span_rows ? rest : span_rows;
  const std::uint64_t begin = piece.begin + row * piece.columns + column;

  const Value* p = job.factor + (piece.first / job.rank + row) * K;

  Value sums[W][K] = {};
  for_each_step<project_ahead<Value, K>>(0, rows, 1, [&](std::uint64_t i, auto steps) {
    constexpr unsigned U = decltype(steps)::value;
    Value m[U * W];
    job.matrix.load(places_in<U, W>(begin + i * piece.columns, piece.columns, left), m);
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) {
      Value factors[K];
      load_row(p + (i + u) * K, factors);
      SKIMP_UNROLL
      for (unsigned c = 0; c < K; ++c) {
        SKIMP_UNROLL
        for (unsigned w = 0; w < W; ++w) sums[w][c] += m[u * W + w] * factors[c];
      }
    }
  });

  const bool whole = piece.rows <= span_rows;
  Value* to = whole ? job.buffer + piece.second
                    : job.partial + entry.partial + span * job.rank * piece.columns;
  bool finite = true;
  SKIMP_UNROLL
  for (unsigned w = 0; w < W; ++w) {
    const std::uint64_t j = column + w * warp_size;
    SKIMP_UNROLL
    for (unsigned c = 0; c < K; ++c) {
      if (c >= job.rank || j >= piece.columns) continue;
      to[c * piece.columns + j] = canonical(sums[w][c]);
      finite = finite && is_finite(sums[w][c]);
    }
  }
  if (whole && !finite) report(job.status, nonfinite_status);
}

template <class Value, unsigned K>
__global__ void __launch_bounds__(block_threads, (blocks_held<Value, K>))
    project_spans(ProductJob<Value> job) {
  const std::uint64_t items = job.batch.ends[job.batch.count - 1];
  for (std::uint64_t i = first_piece(); i < items; i += pieces_at_once()) {
    project_span<Value, K>(job, i);
  }
}

template <class Value, unsigned K>
std::uint64_t project_items(const Piece& piece) {
  return divide_up(piece.columns, project_columns<Value, K> * warp_size) *
         skimp::lowrank::row_spans(piece);
}

}  // namespace skimp::cuda::lowrank
