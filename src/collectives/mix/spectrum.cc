/// 1. Householder reflections make the matrix tridiagonal.
/// 2. The number of eigenvalues below x is the number of negative pivots of T − xI (Sturm), so
///    that bisection finds the i-th as exactly as doubles allow, without iterations that might not
///    converge.
///
/// Golub & Van Loan, Matrix Computations, 8.3 and 8.4.
#include "collectives/mix/spectrum.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace skimp {
namespace {

struct Tridiagonal {
  std::vector<double> diagonal;
  std::vector<double> beside;  ///< beside[i] joins i and i + 1
};

Tridiagonal tridiagonal_of(std::vector<double> a, std::size_t n) {
  Tridiagonal t{std::vector<double>(n), std::vector<double>(n > 0 ? n - 1 : 0)};
  std::vector<double> v(n), p(n);
  for (std::size_t k = 0; k + 2 < n; ++k) {
    double square = 0;
    for (std::size_t i = k + 1; i < n; ++i) square += a[i * n + k] * a[i * n + k];
    const double norm = std::sqrt(square), head = a[(k + 1) * n + k];
    t.beside[k] = head > 0 ? -norm : norm;
    if (norm == 0) continue;
    for (std::size_t i = k + 1; i < n; ++i) v[i] = a[i * n + k];
    v[k + 1] -= t.beside[k];
    // Half of vᵀv; A becomes A − v·wᵀ − w·vᵀ with w = p − (pᵀv / 2h)·v and p = A·v / h.
    const double h = square - t.beside[k] * head;
    double overlap = 0;
    for (std::size_t i = k + 1; i < n; ++i) {
      p[i] = 0;
      for (std::size_t j = k + 1; j < n; ++j) p[i] += a[i * n + j] * v[j];
      p[i] /= h;
      overlap += p[i] * v[i];
    }
    for (std::size_t i = k + 1; i < n; ++i) p[i] -= overlap / (2 * h) * v[i];
    for (std::size_t i = k + 1; i < n; ++i) {
      for (std::size_t j = k + 1; j < n; ++j) a[i * n + j] -= v[i] * p[j] + p[i] * v[j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) t.diagonal[i] = a[i * n + i];
  if (n >= 2) t.beside[n - 2] = a[(n - 1) * n + n - 2];
  return t;
}

std::size_t count_below(const Tridiagonal& t, double x) {
  std::size_t below = 0;
  double pivot = 1;
  for (std::size_t i = 0; i < t.diagonal.size(); ++i) {
    const double square = i == 0 ? 0 : t.beside[i - 1] * t.beside[i - 1];
    if (pivot == 0) pivot = 1e-300;
    pivot = t.diagonal[i] - x - square / pivot;
    below += pivot < 0;
  }
  return below;
}

/// No eigenvalue is larger in magnitude (Gershgorin).
double bound_of(const Tridiagonal& t) {
  double bound = 0;
  for (std::size_t i = 0; i < t.diagonal.size(); ++i) {
    const double left = i == 0 ? 0 : std::abs(t.beside[i - 1]);
    const double right = i == t.beside.size() ? 0 : std::abs(t.beside[i]);
    bound = std::max(bound, std::abs(t.diagonal[i]) + left + right);
  }
  return bound;
}

/// The i-th eigenvalue, ascending from 0.
double eigenvalue(const Tridiagonal& t, std::size_t i) {
  double low = -bound_of(t), high = -low;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = low + (high - low) / 2;
    (count_below(t, middle) > i ? high : low) = middle;
  }
  return low + (high - low) / 2;
}

}  // namespace

Spectrum spectrum_of(std::vector<double> matrix, int n) {
  const auto size = static_cast<std::size_t>(n);
  const Tridiagonal t = tridiagonal_of(std::move(matrix), size);
  return {eigenvalue(t, 0), eigenvalue(t, size < 2 ? 0 : size - 2)};
}

}  // namespace skimp
