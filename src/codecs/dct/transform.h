/// \file
/// The orthonormal DCT-II of 1, 2, 4, … 256 values and its inverse, in a written order of
/// operations: all instruction sets round alike.
///
/// A transform of N is one of N/2 of the sums x[j] + x[N − 1 − j], which gives the even
/// coefficients, and a product of the differences with a matrix of cosines, which gives the odd
/// ones: N²/3 multiplications, of rows as wide as vectors. The inverse does the same backwards: the
/// matrix is its own transpose. Coefficients that are zero cost nothing, which is most of them
/// where few are kept.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "base/numbers.h"
#include "codecs/dct/cosines.h"

namespace skimp::dct {

/// product[i] = Σ x[j]·rows[j][i], added in the order of j to zero. Zeros are left out, which
/// changes no bit: a sum that begins with +0 is never −0.
template <int n, class Value>
void multiply(const Value* x, Value* product) {
  const auto& rows = OddCosines<Value, n>::get().rows;
  constexpr int width = std::min(n, 32);  // Sums that fit registers.
  for (int begin = 0; begin < n; begin += width) {
    Value sums[width] = {};
    for (int j = 0; j < n; ++j) {
      const Value factor = x[j];
      if (factor == Value{0}) continue;
      for (int i = 0; i < width; ++i) sums[i] += factor * rows[j][begin + i];
    }
    for (int i = 0; i < width; ++i) product[begin + i] = sums[i];
  }
}

/// Σ x[j]·cos(π(2j + 1)k / 2n) for k = 0 … n − 1, in place.
template <int n, class Value>
void forward(Value* x) {
  if constexpr (n > 1) {
    constexpr int half = n / 2;
    Value even[half], differences[half], odd[half];
    for (int j = 0; j < half; ++j) {
      even[j] = x[j] + x[n - 1 - j];
      differences[j] = x[j] - x[n - 1 - j];
    }
    forward<half>(even);
    multiply<half>(differences, odd);
    for (int j = 0; j < half; ++j) {
      x[2 * j] = even[j];
      x[2 * j + 1] = odd[j];
    }
  }
}

/// Σ x[k]·cos(π(2j + 1)k / 2n) over k, for j = 0 … n − 1, in place.
template <int n, class Value>
void backward(Value* x) {
  if constexpr (n > 1) {
    constexpr int half = n / 2;
    Value even[half], odd[half], differences[half];
    for (int j = 0; j < half; ++j) {
      even[j] = x[2 * j];
      odd[j] = x[2 * j + 1];
    }
    backward<half>(even);
    multiply<half>(odd, differences);
    for (int j = 0; j < half; ++j) {
      x[j] = even[j] + differences[j];
      x[n - 1 - j] = even[j] - differences[j];
    }
  }
}

/// What makes them orthonormal: √(1/n) for coefficient 0, √(2/n) for the others.
template <int n, class Value>
void scale(Value* x) {
  const auto first = static_cast<Value>(std::sqrt(1.0 / n));
  const auto others = static_cast<Value>(std::sqrt(2.0 / n));
  x[0] *= first;
  for (int k = 1; k < n; ++k) x[k] *= others;
}

template <int n, class Value>
void transform(Value* x) {
  forward<n>(x);
  scale<n>(x);
}

template <int n, class Value>
void invert(Value* x) {
  // Adding zeros to zeros: −0 would give −0 in places, so bits are asked.
  BitsOf<Value> any = 0;
  for (int k = 0; k < n; ++k) any |= std::bit_cast<BitsOf<Value>>(x[k]);
  if (any == 0) return;
  scale<n>(x);
  backward<n>(x);
}

/// Calls visit(size, begin) with a compile-time size for the pieces of n values: chunks, and what
/// is left over in powers of two, the largest first.
template <class Visit>
void for_each_piece(std::uint64_t n, std::uint64_t chunk, Visit&& visit) {
  std::uint64_t begin = 0;
  const auto take = [&](auto size) {
    const std::uint64_t least = size();
    if (chunk < least) return;
    for (; n - begin >= least; begin += least) visit(size, begin);
  };
  take(std::integral_constant<int, 256>{});
  take(std::integral_constant<int, 128>{});
  take(std::integral_constant<int, 64>{});
  take(std::integral_constant<int, 32>{});
  take(std::integral_constant<int, 16>{});
  take(std::integral_constant<int, 8>{});
  take(std::integral_constant<int, 4>{});
  take(std::integral_constant<int, 2>{});
  take(std::integral_constant<int, 1>{});
}

}  // namespace skimp::dct
