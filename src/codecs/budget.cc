#include "codecs/budget.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/wide.h"

namespace skimp {

Budget Budget::take(const char* codec, Arguments& arguments) {
  const auto density = arguments.take_number("density");
  const auto k = arguments.take_integer("k");
  require(density || k, codec, ": density or k must be given, as in ", codec, "(density=0.01)");
  require(!(density && k), codec, ": give density or k, not both");
  if (density) {
    require(*density > 0 && *density <= 1, codec, ": density = ", *density, " must lie in (0, 1]");
    return Budget(codec, density, 0);
  }
  require(*k >= 1 && *k <= largest_kept, codec, ": k = ", *k, " must lie in 1 to ", largest_kept);
  return of_k(codec, *k);
}

std::uint64_t Budget::kept_at_most(std::uint64_t count) const {
  if (!density_) return std::min(k_, count);
  const double rounded = std::floor(*density_ * static_cast<double>(count) + 0.5);
  return std::min(std::max(std::uint64_t{1}, static_cast<std::uint64_t>(rounded)), count);
}

std::uint64_t Budget::kept(std::uint64_t count, const char* what) const {
  require(count == 0 || density_ || k_ <= count, codec_, ": k = ", k_, " exceeds ", what, " = ",
          count);
  const std::uint64_t k = kept_at_most(count);
  require(k <= largest_kept, codec_, ": k = ", k, " exceeds ", largest_kept);
  return k;
}

std::uint64_t Budget::kept_of_received(std::uint64_t count) const {
  require_intact(count == 0 || density_ || k_ <= count, codec_, ": k = ", k_,
                 " exceeds count = ", count);
  return kept_at_most(count);
}

Budget Budget::slice(std::uint64_t begin, std::uint64_t end, std::uint64_t count) const {
  if (count == 0) return of_k(codec_, 0);
  const std::uint64_t k = kept(count);
  return of_k(codec_, multiply_divide(k, end, count) - multiply_divide(k, begin, count));
}

std::string Budget::text() const {
  return density_ ? "density=" + text_of(*density_) : skimp::text("k=", k_);
}

}  // namespace skimp
