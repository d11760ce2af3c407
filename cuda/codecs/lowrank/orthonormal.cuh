/// \file
/// Orthonormal columns, as src/codecs/lowrank/orthonormal.h makes them: a block takes one matrix.
/// Each thread works on values of its own, in registers if those suffice; it is only the sums that
/// threads wait for. Cleaning a column of one that is done and the sum for the next one share a
/// pass.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "cuda/codecs/batch.cuh"
#include "cuda/codecs/lowrank/column_sums.cuh"

namespace skimp::cuda::lowrank {

/// `n` values a column.
struct Columns {
  std::uint64_t n = 0;
  std::uint64_t at = 0;    ///< where the first begins in the buffer
  std::uint64_t sums = 0;  ///< where there is room for sums
};

template <class Value>
struct OrthonormalJob {
  Batch<Columns> batch;
  std::uint64_t rank;
  std::uint64_t row;  ///< values of a row of `rows`, zeros after the rank's
  const Value* from;
  double* space;
  double* sums;
  Value* rows;     ///< the result, row after row; null: not wanted
  Value* columns;  ///< the same column after column; may be `from`
  Value spoilt;    ///< what everything becomes where something is not finite
};

/// A thread's own values of a column: in registers, where it has few. `read` is what `get` needs
/// from memory.
struct InRegisters {
  double values[lane_values];

  __device__ void begin(double*) {}
  __device__ double read(std::uint64_t) const { return 0; }
  __device__ double get(unsigned k, double) const { return values[k]; }
  __device__ void set(unsigned k, std::uint64_t, double value) { values[k] = value; }
};

struct InMemory {
  double* values;

  __device__ void begin(double* column) { values = column; }
  __device__ double read(std::uint64_t i) const { return values[i]; }
  __device__ double get(unsigned, double read) const { return read; }
  __device__ void set(unsigned, std::uint64_t i, double value) { values[i] = value; }
};

/// `few`: as of ColumnSums.
template <class Value, bool few>
class Orthonormal {
 public:
  __device__ Orthonormal(const OrthonormalJob<Value>& job, const Columns& columns)
      : job_(job),
        columns_(columns),
        first_row_(columns.at / job.rank),
        sums_(columns.n, job.sums + columns.sums) {}

  __device__ void run() {
    sums_.find_largest(from(0), job_.rank);
    Value largest = 0;
    for (std::uint64_t c = 0; c < job_.rank; ++c) {
      const Value other = sums_.template largest<Value>(c);
      if (magnitude_bits(other) > magnitude_bits(largest)) largest = other;
    }
    const bool finite = is_finite(largest);
    for (std::uint64_t c = 0; c < job_.rank; ++c) {
      if (finite) {
        make(c);
      } else {
        put(c, [&](unsigned, std::uint64_t) { return job_.spoilt; });
      }
    }
    for (std::uint64_t c = job_.rank; c < job_.row && job_.rows != nullptr; ++c) {
      put_rows(c, [](unsigned, std::uint64_t) { return Value{0}; });
    }
  }

 private:
  struct Loaded {
    double x, last, next;
  };

  __device__ const Value* from(std::uint64_t c) const {
    return job_.from + columns_.at + c * columns_.n;
  }
  __device__ double* column(std::uint64_t c) const {
    return job_.space + columns_.at + c * columns_.n;
  }

  __device__ void make(std::uint64_t c) {
    double before, after;
    if (c == 0) {
      before = after = begin<false>(c).at[0];
    } else {
      const auto [squares, product] = begin<true>(c).at;
      double along = product;
      for (std::uint64_t b = 1; b < 2 * c; ++b) {
        along = pass<true>(along, column(b < c ? b : b - c));
      }
      before = squares;
      after = pass<false>(along, nullptr);
    }
    const bool kept = after > skimp::lowrank::least_kept<Value> * before;
    const double norm = kept ? std::sqrt(after) : 1;
    if (kept) {
      sums_.for_each_own(
          [&](unsigned k, std::uint64_t i) { x_.set(k, i, x_.get(k, x_.read(i)) / norm); });
    } else {
      sums_.for_each_own([&](unsigned k, std::uint64_t i) { x_.set(k, i, 0); });
    }
    double* to = column(c);
    if constexpr (few)
      sums_.for_each_own([&](unsigned k, std::uint64_t i) { to[i] = x_.get(k, 0); });
    put(c, [&](unsigned k, std::uint64_t i) { return static_cast<Value>(x_.get(k, x_.read(i))); });
  }

  /// x is column c, scaled. Returns its squared norm and, if it `goes_on`, its product with the
  /// first column.
  template <bool goes_on>
  __device__ Sums<goes_on ? 2 : 1> begin(std::uint64_t c) {
    x_.begin(column(c));
    last_.begin(column(0));
    const Value* values = from(c);
    const auto largest = static_cast<double>(sums_.template largest<Value>(c));
    const double scale = skimp::lowrank::inverse_scale(largest);
    return sums_.sum(
        [&](std::uint64_t i) { return Loaded{values[i] * scale, 0, goes_on ? column(0)[i] : 0}; },
        [&](unsigned k, std::uint64_t i, const Loaded& loaded) {
          const double x = loaded.x;
          x_.set(k, i, x);
          if constexpr (goes_on && few) last_.set(k, i, loaded.next);
          if constexpr (goes_on) {
            return Sums<2>{x * x, loaded.next * x};
          } else {
            return Sums<1>{x * x};
          }
        });
  }

  /// Takes the last column out of x, by `along`. Returns x's product with the next column, if there
  /// is one to `go_on` with, else with itself.
  template <bool goes_on>
  __device__ double pass(double along, double* next) {
    const Sums<1> product = sums_.sum(
        [&](std::uint64_t i) { return Loaded{x_.read(i), last_.read(i), goes_on ? next[i] : 0}; },
        [&](unsigned k, std::uint64_t i, const Loaded& loaded) {
          const double x =
              skimp::lowrank::cleaned(x_.get(k, loaded.x), along, last_.get(k, loaded.last));
          x_.set(k, i, x);
          if constexpr (goes_on && few) last_.set(k, i, loaded.next);
          return Sums<1>{(goes_on ? loaded.next : x) * x};
        });
    last_.begin(next);
    return product.at[0];
  }

  /// Column c of the results is value(k, i).
  template <class ValueAt>
  __device__ void put(std::uint64_t c, ValueAt&& value) const {
    if (job_.rows != nullptr) put_rows(c, value);
    if (job_.columns == nullptr) return;
    Value* to = job_.columns + columns_.at + c * columns_.n;
    sums_.for_each_own([&](unsigned k, std::uint64_t i) { to[i] = value(k, i); });
  }
  template <class ValueAt>
  __device__ void put_rows(std::uint64_t c, ValueAt&& value) const {
    Value* to = job_.rows + first_row_ * job_.row + c;
    sums_.for_each_own([&](unsigned k, std::uint64_t i) { to[i * job_.row] = value(k, i); });
  }

  using Own = std::conditional_t<few, InRegisters, InMemory>;

  const OrthonormalJob<Value>& job_;
  const Columns& columns_;
  std::uint64_t first_row_;
  ColumnSums<few> sums_;
  Own x_;     ///< the column that is made
  Own last_;  ///< the one before it that is to be taken out
};

template <class Value>
__global__ void __launch_bounds__(most_warps* warp_size) orthonormalise(OrthonormalJob<Value> job) {
  const Columns columns = job.batch.entries[blockIdx.x];
  if (columns.n <= blockDim.x * lane_values) {
    Orthonormal<Value, true>(job, columns).run();
  } else {
    Orthonormal<Value, false>(job, columns).run();
  }
}

// ---- S ------------------------------------------------------------------------------------------

template <class Value>
struct StartJob {
  Batch<Columns> batch;
  std::uint64_t rank;
  std::uint64_t row;
  const Value* memory;  ///< null: none
  RandomStream random;
  Value* rows;
};

/// A block takes a column: of the memory if that can be a start, else random numbers; and zeros
/// where there is none.
template <class Value>
__global__ void __launch_bounds__(most_warps* warp_size) make_start(StartJob<Value> job) {
  const Columns columns = job.batch.entries[blockIdx.x / job.row];
  const std::uint64_t c = blockIdx.x % job.row, begin = columns.at + c * columns.n;
  ColumnSums<false> sums(columns.n, nullptr);
  const std::uint64_t first_row = columns.at / job.rank;
  const bool wanted = c < job.rank;
  const Value* last = wanted && job.memory != nullptr ? job.memory + begin : nullptr;
  if (last != nullptr) {
    sums.find_largest(last, 1);
    if (!skimp::lowrank::can_start(sums.largest<Value>(0))) last = nullptr;
  }
  sums.for_each_own([&](unsigned, std::uint64_t i) {
    Value value = 0;
    if (last != nullptr) {
      value = last[i];
    } else if (wanted) {
      value = skimp::lowrank::random_value<Value>(job.random, begin + i);
    }
    job.rows[(first_row + i) * job.row + c] = value;
  });
}

}  // namespace skimp::cuda::lowrank
