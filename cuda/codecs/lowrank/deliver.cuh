/// \file
/// The last pass: M − P̂·Qᵀ of this rank's Q to the residual, P̂·Qᵀ of the sums to the output.
///
/// A warp takes a strip of columns, whose rows of both Q it keeps in registers, and goes down some
/// rows. What it reads it has read before it writes there: residual and output may lie where the
/// old residual and the input do.
#pragma once

#include <cstdint>

#include "cuda/codecs/lowrank/products.cuh"

namespace skimp::cuda::lowrank {

template <class Value>
struct DeliverJob {
  Batch<Piece> batch;
  Matrix<Value> matrix;
  std::uint64_t rank;
  const Value* p;    ///< P̂, row after row
  const Value* own;  ///< Q, column after column
  const Value* total;
  Value* residual;  ///< null: not wanted; nor is `own` then
  Result<Value> result;
};

/// The P̂·Qᵀ of U rows, W columns.
template <unsigned U, unsigned W, unsigned K, class Value>
__device__ void multiply_rows(const Value* p, const Value (&q)[W][K], Value (&values)[U * W]) {
  SKIMP_UNROLL
  for (unsigned u = 0; u < U; ++u) {
    Value factors[K];
    load_row(p + u * K, factors);
    SKIMP_UNROLL
    for (unsigned w = 0; w < W; ++w) {
      Value sum = 0;
      SKIMP_UNROLL
      for (unsigned c = 0; c < K; ++c) sum += factors[c] * q[w][c];
      values[u * W + w] = sum;
    }
  }
}

template <class Value, unsigned K>
__device__ void deliver_strip(const DeliverJob<Value>& job, std::uint64_t index) {
  constexpr unsigned W = deliver_columns<Value, K>;
  const auto found = job.batch.find(index);
  const Piece& piece = found.entry;
  const std::uint64_t item = found.item;
  const std::uint64_t strips = divide_up(piece.columns, W * warp_size);
  const std::uint64_t column = item % strips * W * warp_size + lane();
  const std::uint64_t left = column < piece.columns ? piece.columns - column : 0;
  const std::uint64_t row = item / strips * deliver_rows, last = row + deliver_rows;
  const std::uint64_t end = last < piece.rows ? last : piece.rows;
  const bool leaves = job.residual != nullptr, decodes = job.result.data != nullptr;

  Value own[W][K] = {}, total[W][K] = {};
  SKIMP_UNROLL
  for (unsigned c = 0; c < K; ++c) {
    if (c >= job.rank) continue;
    const std::uint64_t at = piece.second + c * piece.columns + column;
    SKIMP_UNROLL
    for (unsigned w = 0; w < W; ++w) {
      if (w * warp_size >= left) continue;
      if (leaves) own[w][c] = job.own[at + w * warp_size];
      if (decodes) total[w][c] = job.total[at + w * warp_size];
    }
  }
  const Value* p = job.p + piece.first / job.rank * K;
  const std::uint64_t begin = piece.begin + column;

  for_each_step<(deliver_ahead<Value, K>)>(row, end, 1, [&](std::uint64_t i, auto steps) {
    constexpr unsigned U = decltype(steps)::value;
    const auto places = places_in<U, W>(begin + i * piece.columns, piece.columns, left);
    Value values[U * W];
    if (leaves) {
      Value m[U * W];
      job.matrix.load(places, m);
      multiply_rows<U>(p + i * K, own, values);
      SKIMP_UNROLL
      for (unsigned k = 0; k < U * W; ++k) m[k] = rest_of(m[k], values[k]);
      store_values(job.residual, places, m);
    }
    if (decodes) {
      multiply_rows<U>(p + i * K, total, values);
      job.result.put(places, values);
    }
  });
}

template <class Value, unsigned K>
__global__ void __launch_bounds__(block_threads, (blocks_held<Value, K>))
    deliver_strips(DeliverJob<Value> job) {
  const std::uint64_t items = job.batch.ends[job.batch.count - 1];
  for (std::uint64_t i = first_piece(); i < items; i += pieces_at_once()) {
    deliver_strip<Value, K>(job, i);
  }
}

template <class Value, unsigned K>
std::uint64_t deliver_items(const Piece& piece) {
  return divide_up(piece.columns, deliver_columns<Value, K> * warp_size) *
         divide_up(piece.rows, deliver_rows);
}

}  // namespace skimp::cuda::lowrank
