/// \file
/// Sums and maxima over a column, by the threads of one block: in spans of 256 values, of which a
/// warp takes one after the other; the sums of the spans likewise (docs/wire_format.md).
#pragma once

#include <cstdint>

#include "codecs/lowrank/device_workspace.h"
#include "cuda/codecs/elements.cuh"
#include "cuda/device/block.cuh"

namespace skimp::cuda::lowrank {

using skimp::lowrank::lanes;
using skimp::lowrank::span_values;

inline constexpr unsigned most_warps = 32;
inline constexpr unsigned lane_values = span_values / lanes;
inline constexpr unsigned lane_reads = 4;  // at once: as many as registers of a full block allow

/// Shared memory of a block: two sets of sums and of maxima, used in turn, so that one barrier
/// parts what is written from what is read, and that from what is written next.
inline constexpr std::size_t column_bytes =
    2 * (span_values * sizeof(double) + most_warps * sizeof(std::uint64_t));

class ColumnSums {
 public:
  /// Of columns of n values. `sums` has room for sums_of(n), for columns that shared memory cannot
  /// serve.
  __device__ ColumnSums(std::uint64_t n, double* sums)
      : n_(n),
        spans_(divide_up(n, span_values)),
        maxima_(reinterpret_cast<std::uint64_t*>(shared_memory())),
        sums_(spans_ > span_values ? sums : reinterpret_cast<double*>(maxima_ + 2 * most_warps)),
        room_(spans_ > span_values ? spans_ : span_values) {}

  /// Calls visit(i) for the values that are this thread's own.
  template <class Visit>
  __device__ void for_each_own(Visit&& visit) const {
    for (std::uint64_t span = warp(); span < spans_; span += warps()) {
      const std::uint64_t begin = span * span_values + lane();
      SKIMP_UNROLL
      for (unsigned k = 0; k < lane_values; ++k) {
        if (begin + k * lanes < n_) visit(begin + k * lanes);
      }
    }
  }

  /// The largest magnitude of n values, as bits.
  template <class Value>
  __device__ BitsOf<Value> largest(const Value* values) {
    std::uint64_t most = 0;
    for_each_own([&](std::uint64_t i) {
      const std::uint64_t bits = magnitude_bits(values[i]);
      most = bits > most ? bits : most;
    });
    std::uint64_t* maxima = maxima_ + turn() * most_warps;
    most = warp_max<std::uint64_t>(most);
    if (lane() == 0) maxima[warp()] = most;
    __syncthreads();
    return static_cast<BitsOf<Value>>(
        warp_max<std::uint64_t>(lane() < warps() ? maxima[lane()] : 0));
  }

  /// Σ term(i, load(i)). Each i belongs to one thread, so a term may replace what it was loaded
  /// from.
  template <class Load, class Term>
  __device__ double sum(Load&& load, Term&& term) {
    double* to = sums_ + turn() * room_;
    for (std::uint64_t span = warp(); span < spans_; span += warps()) {
      const double total = span_sum(span, n_, load, term);
      if (lane() == 0) to[span] = total;
    }
    __syncthreads();
    std::uint64_t count = spans_;
    while (count > span_values) {
      const double* from = to;
      to = sums_ + turn() * room_;
      for (std::uint64_t span = warp(); span * span_values < count; span += warps()) {
        const double total = sum_of_sums(from, span, count);
        if (lane() == 0) to[span] = total;
      }
      __syncthreads();
      count = divide_up(count, span_values);
    }
    return __shfl_sync(all_lanes, sum_of_sums(to, 0, count), 0);
  }

 private:
  __device__ static unsigned warp() { return threadIdx.x / warp_size; }
  __device__ static unsigned warps() { return blockDim.x / warp_size; }
  __device__ unsigned turn() { return turn_ ^= 1; }

  /// The total is that of lane 0.
  template <class Load, class Term>
  __device__ static double span_sum(std::uint64_t span, std::uint64_t count, Load&& load,
                                    Term&& term) {
    double sum = 0;
    for (unsigned first = 0; first < lane_values; first += lane_reads) {
      const std::uint64_t begin = span * span_values + first * lanes + lane();
      decltype(load(begin)) loaded[lane_reads] = {};
      SKIMP_UNROLL
      for (unsigned k = 0; k < lane_reads; ++k) {
        if (begin + k * lanes < count) loaded[k] = load(begin + k * lanes);
      }
      SKIMP_UNROLL
      for (unsigned k = 0; k < lane_reads; ++k) {
        if (begin + k * lanes < count) sum += term(begin + k * lanes, loaded[k]);
      }
    }
    for (unsigned width = lanes / 2; width > 0; width /= 2) {
      sum += __shfl_down_sync(all_lanes, sum, width);
    }
    return sum;
  }

  __device__ static double sum_of_sums(const double* from, std::uint64_t span,
                                       std::uint64_t count) {
    return span_sum(
        span, count, [&](std::uint64_t i) { return from[i]; },
        [](std::uint64_t, double value) { return value; });
  }

  std::uint64_t n_;
  std::uint64_t spans_;
  std::uint64_t* maxima_;
  double* sums_;
  std::uint64_t room_;
  unsigned turn_ = 0;
};

}  // namespace skimp::cuda::lowrank
