/// \file
/// Orthonormal columns, as src/codecs/lowrank/orthonormal.h makes them: a block takes one matrix.
/// Each thread works on values of its own; it is only the sums that threads wait for. Cleaning a
/// column of one that is done and the sum for the next one share a pass.
#pragma once

#include <cmath>
#include <cstdint>

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

template <class Value>
class Orthonormal {
 public:
  __device__ Orthonormal(const OrthonormalJob<Value>& job, const Columns& columns)
      : job_(job), columns_(columns), sums_(columns.n, job.sums + columns.sums) {}

  __device__ void run() {
    BitsOf<Value> largest = 0;
    for (std::uint64_t c = 0; c < job_.rank; ++c) {
      const BitsOf<Value> bits = sums_.largest(from(c));
      largest = bits > largest ? bits : largest;
    }
    const bool finite = is_finite(std::bit_cast<Value>(largest));
    for (std::uint64_t c = 0; c < job_.rank; ++c) {
      if (finite) {
        make(c);
      } else {
        sums_.for_each_own([&](std::uint64_t i) { put(c, i, job_.spoilt); });
      }
    }
    for (std::uint64_t c = job_.rank; c < job_.row && job_.rows != nullptr; ++c) {
      sums_.for_each_own([&](std::uint64_t i) { put_row(c, i, Value{0}); });
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
    using skimp::lowrank::cleaned;
    double* x = column(c);
    const Value* values = from(c);
    const Value largest = std::bit_cast<Value>(sums_.largest(values));
    const double scale = skimp::lowrank::inverse_scale(static_cast<double>(largest));
    const double before = sums_.sum([&](std::uint64_t i) { return values[i]; },
                                    [&](std::uint64_t i, Value value) {
                                      const double scaled = value * scale;
                                      x[i] = scaled;
                                      return scaled * scaled;
                                    });
    // Column `last` is taken out of x, by `along`, in the pass that needs x without it.
    const double* last = nullptr;
    double along = 0;
    const auto pass = [&](const double* next) {
      return sums_.sum(
          [&](std::uint64_t i) {
            return Loaded{x[i], last == nullptr ? 0 : last[i], next == nullptr ? 0 : next[i]};
          },
          [&](std::uint64_t i, const Loaded& loaded) {
            double value = loaded.x;
            if (last != nullptr) {
              value = cleaned(value, along, loaded.last);
              x[i] = value;
            }
            return (next == nullptr ? value : loaded.next) * value;
          });
    };
    for (int time = 0; time < 2; ++time) {
      for (std::uint64_t b = 0; b < c; ++b) {
        const double* next = column(b);
        along = pass(next);
        last = next;
      }
    }
    const double after = c == 0 ? before : pass(nullptr);
    const bool kept = after > skimp::lowrank::least_kept<Value> * before;
    const double norm = kept ? std::sqrt(after) : 1;
    sums_.for_each_own([&](std::uint64_t i) {
      const double value = kept ? x[i] / norm : 0;
      x[i] = value;
      put(c, i, static_cast<Value>(value));
    });
  }

  __device__ void put(std::uint64_t c, std::uint64_t i, Value value) const {
    if (job_.rows != nullptr) put_row(c, i, value);
    if (job_.columns != nullptr) job_.columns[columns_.at + c * columns_.n + i] = value;
  }
  __device__ void put_row(std::uint64_t c, std::uint64_t i, Value value) const {
    job_.rows[(columns_.at / job_.rank + i) * job_.row + c] = value;
  }

  const OrthonormalJob<Value>& job_;
  const Columns columns_;
  ColumnSums sums_;
};

template <class Value>
__global__ void __launch_bounds__(most_warps* warp_size) orthonormalise(OrthonormalJob<Value> job) {
  Orthonormal<Value>(job, job.batch.entries[blockIdx.x]).run();
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
  ColumnSums sums(columns.n, nullptr);
  const bool wanted = c < job.rank;
  const Value* last = wanted && job.memory != nullptr ? job.memory + begin : nullptr;
  if (last != nullptr) {
    const Value largest = std::bit_cast<Value>(sums.largest(last));
    if (!skimp::lowrank::can_start(largest)) last = nullptr;
  }
  sums.for_each_own([&](std::uint64_t i) {
    Value value = 0;
    if (last != nullptr) {
      value = last[i];
    } else if (wanted) {
      value = skimp::lowrank::random_value<Value>(job.random, begin + i);
    }
    job.rows[(columns.at / job.rank + i) * job.row + c] = value;
  });
}

}  // namespace skimp::cuda::lowrank
