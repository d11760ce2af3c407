/// \file
/// Low rank, one value: what the processors of both sides compute, and in what order sums are taken
/// (docs/wire_format.md). Spans are there for the many threads of a device: they add up one span
/// each, and change no bit by it.
#pragma once

#include <cstdint>

#include "base/numbers.h"
#include "base/philox.h"

namespace skimp::lowrank {

/// Lanes of a sum: lane j adds j, j + 32, …
inline constexpr std::uint64_t lanes = 32;
/// Columns that are added up for P = M·S, rows for Q = Mᵀ·P̂, before their sum is added to the rest.
inline constexpr std::uint64_t span_columns = 4096;
inline constexpr std::uint64_t span_rows = 512;
/// Values that a sum of orthonormalisation takes at once.
inline constexpr std::uint64_t span_values = 256;

/// Value t of a start: uniform in [−1, 1).
template <class Value>
SKIMP_HOST_DEVICE inline Value random_value(RandomStream stream, std::uint64_t t) {
  constexpr std::int32_t one = 1 << 23;
  const std::uint32_t word = draw(0, stream, t / 4)[t % 4];
  return static_cast<Value>(static_cast<std::int32_t>(word >> 8) - one) / static_cast<Value>(one);
}

/// Whether a column whose largest magnitude this is can be a start.
template <class Value>
SKIMP_HOST_DEVICE inline bool can_start(Value largest) {
  return largest > 0 && is_finite(largest);
}

/// A column that keeps no more than this part of its squared norm beside those before it is mostly
/// rounding noise of the product that made it (of which 2⁻²⁴, or 2⁻⁵³, is the least), and becomes
/// zero.
template <class Value>
inline constexpr double least_kept = sizeof(Value) == 4 ? 0x1p-32 : 0x1p-90;

/// 2^−⌊log₂ m⌋ for finite m > 0, as far as that and its inverse are numbers: squares of values
/// scaled by it neither overflow nor vanish. Zero for zero.
SKIMP_HOST_DEVICE inline double inverse_scale(double m) {
  if (!(m > 0)) return 0;
  const int exponent = floor_log2(m);
  return power_of_two<double>(exponent > 1022 ? -1022 : exponent < -1022 ? 1022 : -exponent);
}

/// x less what of it lies along u.
SKIMP_HOST_DEVICE inline double cleaned(double x, double along, double u) { return x - along * u; }

}  // namespace skimp::lowrank
