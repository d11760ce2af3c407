/// \file
/// Cosines whose bits are written down: made of additions, divisions and square roots in double,
/// which every machine rounds alike, as no machine's `cos` is bound to.
#pragma once

#include <array>
#include <cstdint>

namespace skimp::dct {

/// The longest transform.
inline constexpr int largest_chunk = 256;

/// cos(π·m / 512) for m = 0 … 256, to within 10⁻¹⁵ (docs/wire_format.md has the formula).
const std::array<double, largest_chunk + 1>& quarter_wave();

/// cos(π·m / 512) for any m ≥ 0.
inline double cosine(std::uint64_t m) {
  constexpr std::uint64_t quarter = largest_chunk;
  m %= 4 * quarter;
  if (m > 2 * quarter) m = 4 * quarter - m;
  const auto& wave = quarter_wave();
  return m <= quarter ? wave[m] : -wave[2 * quarter - m];
}

/// What a transform of N = 2·half elements multiplies the differences of its halves by: row j has
/// cos(π(2i + 1)(2j + 1) / 2N) for i = 0 … half − 1, rounded to Value. Symmetric.
template <class Value, int half>
struct OddCosines {
  alignas(64) Value rows[half][half];

  OddCosines() {
    constexpr std::uint64_t step = largest_chunk / (2 * half);
    for (std::uint64_t j = 0; j < half; ++j) {
      for (std::uint64_t i = 0; i < half; ++i) {
        rows[j][i] = static_cast<Value>(cosine((2 * i + 1) * (2 * j + 1) * step));
      }
    }
  }

  static const OddCosines& get() {
    static const OddCosines cosines;
    return cosines;
  }
};

}  // namespace skimp::dct
