/// \file
/// Orthonormal columns by modified Gram–Schmidt, each column cleaned twice: the second time removes
/// what rounding left the first time, so that columns which almost depend on one another come out
/// as orthogonal as others ("twice is enough": Giraud et al. 2005). In float64, in a written order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "codecs/elements.h"
#include "codecs/lowrank/products.h"

namespace skimp::lowrank {

/// A column that keeps no more than this part of its squared norm beside those before it is mostly
/// rounding noise of the product that made it (of which 2⁻²⁴, or 2⁻⁵³, is the least), and becomes
/// zero.
template <class Value>
inline constexpr double least_kept = sizeof(Value) == 4 ? 0x1p-32 : 0x1p-90;

/// Σ x·y in 32 lanes.
inline double dot(const double* x, const double* y, std::uint64_t n) {
  double sum[lanes] = {};
  std::uint64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (std::uint64_t j = 0; j < lanes; ++j) sum[j] += x[i + j] * y[i + j];
  }
  for (std::uint64_t j = 0; i + j < n; ++j) sum[j] += x[i + j] * y[i + j];
  return sum_of_lanes(sum);
}

/// 2^−⌊log₂ m⌋ for finite m > 0, as far as that and its inverse are numbers: squares of values
/// scaled by it neither overflow nor vanish.
inline double inverse_scale(double m) {
  return std::ldexp(1.0, -std::clamp(std::ilogb(m), -1022, 1022));
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
    const double scale = largest > 0 ? inverse_scale(largest) : 0;
    for (std::uint64_t i = 0; i < n; ++i) x[i] = values[i] * scale;
    const double before = dot(x, x, n);
    for (int time = 0; time < 2; ++time) {
      for (std::uint64_t b = 0; b < c; ++b) {
        const double* __restrict other = space + b * n;
        const double along = dot(other, x, n);
        for (std::uint64_t i = 0; i < n; ++i) x[i] -= along * other[i];
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
