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

template <class Value, unsigned K>
inline constexpr unsigned deliver_columns = K * sizeof(Value) <= 32 ? 2 : 1;

template <class Value, unsigned K>
__device__ Value inner(const Value (&p)[K], const Value (&q)[K]) {
  Value sum = 0;
  SKIMP_UNROLL
  for (unsigned c = 0; c < K; ++c) sum += p[c] * q[c];
  return sum;
}

template <class Value, unsigned K>
__device__ void deliver_strip(const DeliverJob<Value>& job, std::uint64_t index) {
  constexpr unsigned W = deliver_columns<Value, K>;
  const auto found = job.batch.find(index);
  const Piece& piece = found.entry;
  const std::uint64_t item = found.item;
  const std::uint64_t strips = divide_up(piece.columns, W * warp_size);
  const std::uint64_t column = item % strips * W * warp_size + lane();
  const std::uint64_t row = item / strips * span_rows, last = row + span_rows;
  const std::uint64_t end = last < piece.rows ? last : piece.rows;

  std::uint64_t columns[W];  // columns that there are not are the last one
  Value own[W][K] = {}, total[W][K] = {};
  SKIMP_UNROLL
  for (unsigned w = 0; w < W; ++w) {
    const std::uint64_t j = column + w * warp_size;
    columns[w] = j < piece.columns ? j : piece.columns - 1;
    SKIMP_UNROLL
    for (unsigned c = 0; c < K; ++c) {
      if (c >= job.rank) continue;
      const std::uint64_t at = piece.second + c * piece.columns + columns[w];
      if (job.residual != nullptr) own[w][c] = job.own[at];
      if (job.result.data != nullptr) total[w][c] = job.total[at];
    }
  }
  const Value* p = job.p + piece.first / job.rank * K;

  for_each_step<rows_ahead>(row, end, 1, [&](std::uint64_t i, auto steps) {
    constexpr unsigned U = decltype(steps)::value;
    const auto place_of = [&](unsigned k) {
      return piece.begin + (i + k / W) * piece.columns + columns[k % W];
    };
    Value m[U * W] = {};
    if (job.residual != nullptr) job.matrix.load(place_of, m);
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) {
      Value factors[K];
      load_row(p + (i + u) * K, factors);
      SKIMP_UNROLL
      for (unsigned w = 0; w < W; ++w) {
        if (column + w * warp_size >= piece.columns) continue;
        const unsigned k = u * W + w;
        if (job.residual != nullptr) {
          job.residual[place_of(k)] = rest_of(m[k], inner(factors, own[w]));
        }
        if (job.result.data != nullptr) job.result.put(place_of(k), inner(factors, total[w]));
      }
    }
  });
}

template <class Value, unsigned K>
__global__ void deliver_strips(DeliverJob<Value> job) {
  const std::uint64_t items = job.batch.ends[job.batch.count - 1];
  for (std::uint64_t i = first_piece(); i < items; i += pieces_at_once()) {
    deliver_strip<Value, K>(job, i);
  }
}

template <class Value, unsigned K>
std::uint64_t deliver_items(const Piece& piece) {
  return divide_up(piece.columns, deliver_columns<Value, K> * warp_size) *
         skimp::lowrank::row_spans(piece);
}

}  // namespace skimp::cuda::lowrank
