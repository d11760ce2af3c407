/// \file
/// The ends of a symmetric matrix's spectrum.
#pragma once

#include <vector>

namespace skimp {

struct Spectrum {
  double smallest;
  double second_largest;  ///< the smallest, of a 1 × 1 matrix
};

/// Two eigenvalues of a symmetric n × n matrix given row by row, each to within a few units in the
/// last place of the largest. Uses nothing but + − · / √, so that every machine finds the same
/// bits. O(n³): a second or two for n = 1000.
Spectrum spectrum_of(std::vector<double> matrix, int n);

}  // namespace skimp
