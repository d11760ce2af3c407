#include "feedback/warm_up.h"

#include <charconv>
#include <cmath>

#include "base/error.h"

namespace skimp {
namespace {

/// To six digits, so that text spells it.
double to_six_digits(double value) {
  char digits[32];
  const auto end =
      std::to_chars(digits, digits + sizeof digits, value, std::chars_format::general, 6);
  std::from_chars(digits, end.ptr, value);
  return value;
}

}  // namespace

double warm_up_density(double density, double first, std::int64_t steps, int stages,
                       std::uint64_t step) {
  require(density > 0 && density <= first && first <= 1,
          "warm_up: needs 0 < density <= first <= 1, got ", density, " and ", first);
  require(stages >= 1 && stages <= steps,
          "warm_up: needs 1 <= stages <= steps, got stages = ", stages, ", steps = ", steps);
  if (step >= static_cast<std::uint64_t>(steps)) return density;
  const auto now = static_cast<std::int64_t>(step);
  // ⌊stage · steps / stages⌋, without overflow
  const auto begin_of = [&](std::int64_t stage) {
    return stage * (steps / stages) + stage * (steps % stages) / stages;
  };
  std::int64_t stage = stages - 1;
  while (begin_of(stage) > now) --stage;
  return to_six_digits(
      first * std::pow(density / first, static_cast<double>(stage) / static_cast<double>(stages)));
}

}  // namespace skimp
