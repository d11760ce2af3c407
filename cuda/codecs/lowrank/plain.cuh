/// \file
/// What is not computed: arrays that are not factored, and P̂ that a payload holds.
#pragma once

#include <cstdint>

#include "codecs/lowrank/layout.h"
#include "cuda/codecs/batch.cuh"
#include "cuda/codecs/lowrank/values.cuh"

namespace skimp::cuda::lowrank {

using skimp::lowrank::Piece;

/// Calls visit(entry, i) for a value of a batch whose items are warps' worth of values.
template <class Entry, class Visit>
__device__ void for_each_value(const Batch<Entry>& batch, Visit&& visit) {
  const std::uint64_t items = batch.ends[batch.count - 1];
  for (std::uint64_t index = first_piece(); index < items; index += pieces_at_once()) {
    const auto [entry, item] = batch.find(index);
    visit(entry, item * warp_size + lane());
  }
}

template <class Value>
struct CopyJob {
  Batch<Piece> batch;
  Matrix<Value> matrix;
  Value* first;
  DeviceStatus* status;
};

/// Values of arrays that are not factored, to the first buffer.
template <class Value>
__global__ void copy_plain(CopyJob<Value> job) {
  for_each_value(job.batch, [&](const Piece& piece, std::uint64_t i) {
    if (i >= piece.count()) return;
    Value value[1];
    job.matrix.load(Places<1, 1>{{piece.begin + i}, 1}, value);
    job.first[piece.first + i] = canonical(value[0]);
    if (!is_finite(value[0])) report(job.status, nonfinite_status);
  });
}

template <class Value>
struct SettleJob {
  Batch<Piece> batch;
  const Value* first;
  Value* residual;  ///< null: not wanted
  Result<Value> result;
};

/// The sums of such arrays to the output. Nothing of them was left out.
template <class Value>
__global__ void settle_plain(SettleJob<Value> job) {
  for_each_value(job.batch, [&](const Piece& piece, std::uint64_t i) {
    if (i >= piece.count()) return;
    if (job.residual != nullptr) job.residual[piece.begin + i] = 0;
    if (job.result.data == nullptr) return;
    Value value[1] = {job.first[piece.first + i]};
    job.result.put(Places<1, 1>{{piece.begin + i}, 1}, value);
  });
}

template <class Value>
struct TakeJob {
  Batch<Piece> batch;
  std::uint64_t rank;
  std::uint64_t row;
  const Value* first;
  Value* rows;
};

/// P̂ from columns to rows, zeros after the rank's.
template <class Value>
__global__ void take_p(TakeJob<Value> job) {
  for_each_value(job.batch, [&](const Piece& piece, std::uint64_t i) {
    if (i >= piece.rows) return;
    Value* to = job.rows + (piece.first / job.rank + i) * job.row;
    for (std::uint64_t c = 0; c < job.row; ++c) {
      to[c] = c < job.rank ? job.first[piece.first + c * piece.rows + i] : Value{0};
    }
  });
}

}  // namespace skimp::cuda::lowrank
