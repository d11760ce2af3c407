/// \file
/// How many of the values to look at for a guess of the k-th largest magnitude.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/host_device.h"

namespace skimp::topk {

/// How much is sampled and listed; nothing for arrays that are small or keep much, where a guess
/// saves little.
struct GuessShape {
  std::uint64_t sampled = 0;
  std::uint64_t rank = 0;      ///< of the guess among the sample
  std::uint64_t capacity = 0;  ///< values that may be listed

  GuessShape(std::uint64_t count, std::uint64_t k, std::uint64_t sampled_) {
    if (k == 0 || count < (1u << 14) || k > count / 8) return;
    sampled = sampled_;
    // Four standard deviations more than k's share.
    const double share =
        static_cast<double>(k) / static_cast<double>(count) * static_cast<double>(sampled);
    rank = 4 + static_cast<std::uint64_t>(share + 4 * std::sqrt(share));
    capacity = std::max(sampled, 2 * rank * (count / sampled));
  }

  /// From one value of the sample to the next. An odd step meets every column of a matrix whose
  /// rows are a power of two long.
  SKIMP_HOST_DEVICE std::uint64_t step(std::uint64_t count) const {
    return (count / sampled - 1) | 1;
  }
};

}  // namespace skimp::topk
