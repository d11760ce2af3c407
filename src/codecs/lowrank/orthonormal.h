/// \file
/// Orthonormal columns by modified Gram–Schmidt, each column cleaned twice: the second time removes
/// what rounding left the first time, so that columns which almost depend on one another come out
/// as orthogonal as others ("twice is enough": Giraud et al. 2005). In float64, in a written order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "codecs/elements.h"
#include "codecs/lowrank/element.h"
#include "codecs/lowrank/products.h"

namespace skimp::lowrank {

/// Sums of 32 lanes, of sums of 32 lanes: Σ of any number of terms, in spans, whose sums are
/// added up likewise.
class SpanSum {
 public:
  /// Adds terms 0 … n − 1, n ≤ span_values, as the next span.
  template <class Term>
  void add_span(std::uint64_t n, Term&& term) {
    double sum[lanes] = {};
    std::uint64_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      for (std::uint64_t j = 0; j < lanes; ++j) sum[j] += term(i + j);
    }
    for (std::uint64_t j = 0; i + j < n; ++j) sum[j] += term(i + j);
    push(0, sum_of_lanes(sum));
  }

  double total() {
    double sum = 0;
    for (int level = 0; level < levels; ++level) {
      if (level > 0) push_one(level, sum);
      sum = sum_of_lanes(sums_[level]);
    }
    return sum;
  }

 private:
  static constexpr int levels = 7;  // 256⁷ spans

  bool push_one(int level, double value) {
    sums_[level][filled_[level] % lanes] += value;
    return ++filled_[level] == span_values;
  }

  void push(int level, double value) {
    while (push_one(level, value)) {
      value = sum_of_lanes(sums_[level]);
      std::fill(sums_[level], sums_[level] + lanes, 0.0);
      filled_[level++] = 0;
    }
  }

  double sums_[levels][lanes] = {};
  std::uint64_t filled_[levels] = {};
};

/// Σ x·y.
inline double dot(const double* x, const double* y, std::uint64_t n) {
  SpanSum sum;
  for (std::uint64_t begin = 0; begin < n; begin += span_values) {
    sum.add_span(std::min(span_values, n - begin),
                 [&](std::uint64_t i) { return x[begin + i] * y[begin + i]; });
  }
  return sum.total();
}

/// Makes `columns` columns of n values, one after the other, orthonormal in place; those that
/// depend on earlier ones become zero. If some value is not finite all become NaN. `space` has
/// room for as many doubles.
template <class Value>
void orthonormalise(Value* values, std::uint64_t n, std::uint64_t columns, double* space) {
  if (!all_finite(values, n * columns)) {
    std::fill(values, values + n * columns, canonical_nan<Value>());
    return;
  }
  for (std::uint64_t c = 0; c < columns; ++c, values += n) {
    double* x = space + c * n;
    const Value largest = largest_magnitude(values, n);
    const double scale = inverse_scale(largest);
    for (std::uint64_t i = 0; i < n; ++i) x[i] = values[i] * scale;
    const double before = dot(x, x, n);
    for (int time = 0; time < 2; ++time) {
      for (std::uint64_t b = 0; b < c; ++b) {
        const double* __restrict other = space + b * n;
        const double along = dot(other, x, n);
        for (std::uint64_t i = 0; i < n; ++i) x[i] = cleaned(x[i], along, other[i]);
      }
    }
    const double after = dot(x, x, n);
    const bool kept = after > least_kept<Value> * before;
    const double norm = kept ? std::sqrt(after) : 1;
    for (std::uint64_t i = 0; i < n; ++i) {
      x[i] = kept ? x[i] / norm : 0;
      values[i] = static_cast<Value>(x[i]);
    }
  }
}

}  // namespace skimp::lowrank
