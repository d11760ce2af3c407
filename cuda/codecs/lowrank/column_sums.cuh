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
inline constexpr unsigned column_reads = 4;

/// Sums that are taken together.
template <unsigned n>
struct Sums {
  static constexpr unsigned count = n;
  double at[n];
};

/// Shared memory of a block: two sets of two sums, used in turn, so that one barrier parts what is
/// written from what is read, and that from what is written next; and maxima of all columns.
inline constexpr std::size_t column_bytes =
    2 * 2 * span_values * sizeof(double) +
    skimp::lowrank::largest_rank * most_warps * sizeof(std::uint64_t);

/// `few`: a warp has one span at most, so that no thread has more than lane_values values. What is
/// missing of them counts as zeros, which spares looking.
template <bool few>
class ColumnSums {
 public:
  /// Of columns of n values. `sums` has room for sums_of(n), for columns that shared memory cannot
  /// serve.
  __device__ ColumnSums(std::uint64_t n, double* sums)
      : n_(n),
        spans_(divide_up(n, span_values)),
        maxima_(reinterpret_cast<std::uint64_t*>(shared_memory())),
        sums_(!few && spans_ > span_values
                  ? sums
                  : reinterpret_cast<double*>(maxima_ + skimp::lowrank::largest_rank * most_warps)),
        room_(!few && spans_ > span_values ? spans_ : span_values) {}

  /// Calls visit(k, i) for the values that are this thread's own; k is their number in the span.
  template <class Visit>
  __device__ void for_each_own(Visit&& visit) const {
    for_each_span(spans_, [&](std::uint64_t span) {
      const std::uint64_t begin = span * span_values + lane();
      const unsigned count = own_of(span, n_);
      SKIMP_UNROLL
      for (unsigned k = 0; k < lane_values; ++k) {
        if (k < count) visit(k, begin + k * lanes);
      }
    });
  }

  /// Finds the largest magnitudes of columns that lie one behind the other.
  template <class Value>
  __device__ void find_largest(const Value* values, std::uint64_t columns) {
    for_each_step<column_reads>(0, columns, 1, [&](std::uint64_t c, auto steps) {
      constexpr unsigned U = decltype(steps)::value;
      BitsOf<Value> most[U] = {};
      for_each_own([&](unsigned, std::uint64_t i) {
        SKIMP_UNROLL
        for (unsigned u = 0; u < U; ++u) {
          const BitsOf<Value> bits = magnitude_bits(values[(c + u) * n_ + i]);
          most[u] = bits > most[u] ? bits : most[u];
        }
      });
      SKIMP_UNROLL
      for (unsigned u = 0; u < U; ++u) {
        most[u] = warp_max(most[u]);
        if (lane() == 0) maxima_[(c + u) * most_warps + warp()] = most[u];
      }
    });
    __syncthreads();
  }

  /// That of one of them.
  template <class Value>
  __device__ Value largest(std::uint64_t column) const {
    const std::uint64_t* maxima = maxima_ + column * most_warps;
    const std::uint64_t most = lane() < warps() ? maxima[lane()] : 0;
    return std::bit_cast<Value>(warp_max(static_cast<BitsOf<Value>>(most)));
  }

  /// Σ term(k, i, load(i)), which is Sums of one or two. Each i belongs to one thread, so a term
  /// may replace what it was loaded from. Where there are few values, the term of a loaded zero is
  /// zero.
  template <class Load, class Term>
  __device__ auto sum(Load&& load, Term&& term) {
    double* to = next_set();
    for_each_span(spans_,
                  [&](std::uint64_t span) { put(to, span, span_sum(span, n_, load, term)); });
    __syncthreads();
    using All = decltype(term(0, n_, load(n_)));
    if constexpr (few) {
      All own{};
      if (lane() < spans_) add(own, get<All>(to, lane()));
      return sum_of_lanes(own);
    } else {
      std::uint64_t count = spans_;
      while (count > span_values) {
        const double* from = to;
        to = next_set();
        for_each_span(divide_up(count, span_values), [&](std::uint64_t span) {
          put(to, span, sum_of_sums<All>(from, span, count));
        });
        __syncthreads();
        count = divide_up(count, span_values);
      }
      return sum_of_sums<All>(to, 0, count);
    }
  }

 private:
  __device__ static unsigned warp() { return threadIdx.x / warp_size; }
  __device__ static unsigned warps() { return blockDim.x / warp_size; }
  __device__ double* next_set() { return sums_ + (turn_ ^= 1) * 2 * room_; }

  template <unsigned n>
  __device__ void put(double* set, std::uint64_t span, const Sums<n>& sums) const {
    if (lane() > 0) return;
    for (unsigned s = 0; s < n; ++s) set[s * room_ + span] = sums.at[s];
  }
  template <class All>
  __device__ All get(const double* set, std::uint64_t span) const {
    All sums;
    SKIMP_UNROLL
    for (unsigned s = 0; s < All::count; ++s) sums.at[s] = set[s * room_ + span];
    return sums;
  }
  template <unsigned n>
  __device__ static void add(Sums<n>& to, const Sums<n>& sums) {
    SKIMP_UNROLL
    for (unsigned s = 0; s < n; ++s) to.at[s] += sums.at[s];
  }

  template <class Visit>
  __device__ static void for_each_span(std::uint64_t spans, Visit&& visit) {
    for (std::uint64_t span = warp(); span < spans; span += warps()) {
      visit(span);
      if constexpr (few) break;
    }
  }

  /// How many of a span's values are this lane's, of `count` in all.
  __device__ static unsigned own_of(std::uint64_t span, std::uint64_t count) {
    const std::uint64_t rest = count - span * span_values;
    if (rest >= span_values) return lane_values;
    return (static_cast<unsigned>(rest) + warp_size - 1 - lane()) / warp_size;
  }

  /// In halves: every lane adds the two numbers that the other one adds, and has the total.
  template <unsigned n>
  __device__ static Sums<n> sum_of_lanes(Sums<n> sums) {
    SKIMP_UNROLL
    for (unsigned width = lanes / 2; width > 0; width /= 2) {
      Sums<n> others;
      SKIMP_UNROLL
      for (unsigned s = 0; s < n; ++s) {
        others.at[s] = __shfl_xor_sync(all_lanes, sums.at[s], width);
      }
      add(sums, others);
    }
    return sums;
  }

  template <class Load, class Term>
  __device__ static auto span_sum(std::uint64_t span, std::uint64_t count, Load&& load,
                                  Term&& term) {
    const std::uint64_t begin = span * span_values + lane();
    const unsigned own = own_of(span, count);
    decltype(term(0, begin, load(begin))) sums{};
    SKIMP_UNROLL
    for (unsigned first = 0; first < lane_values; first += lane_reads) {
      decltype(load(begin)) loaded[lane_reads] = {};
      SKIMP_UNROLL
      for (unsigned k = first; k < first + lane_reads; ++k) {
        if (k < own) loaded[k - first] = load(begin + k * lanes);
      }
      SKIMP_UNROLL
      for (unsigned k = first; k < first + lane_reads; ++k) {
        if (few || k < own) add(sums, term(k, begin + k * lanes, loaded[k - first]));
      }
    }
    return sum_of_lanes(sums);
  }

  template <class All>
  __device__ All sum_of_sums(const double* from, std::uint64_t span, std::uint64_t count) const {
    return span_sum(
        span, count, [&](std::uint64_t i) { return get<All>(from, i); },
        [](unsigned, std::uint64_t, const All& sums) { return sums; });
  }

  std::uint64_t n_;
  std::uint64_t spans_;
  std::uint64_t* maxima_;
  double* sums_;
  std::uint64_t room_;
  unsigned turn_ = 0;
};

}  // namespace skimp::cuda::lowrank
