/// \file
/// Densities that fall over the first steps of training (Lin et al. 2018, Deep Gradient
/// Compression, §3.3).
#pragma once

#include <cstdint>

namespace skimp {

/// See skimp_warm_up_density. Throws InvalidArgument.
double warm_up_density(double density, double first, std::int64_t steps, int stages,
                       std::uint64_t step);

}  // namespace skimp
