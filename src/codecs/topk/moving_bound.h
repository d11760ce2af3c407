/// \file
/// A bound a little under the k-th largest magnitude of the blocks of an array: it follows them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "codecs/topk/element.h"

namespace skimp::topk {

/// Whether a block has k values above the bound decides the speed of its selection, never what is
/// selected. No state outlives an encode.
template <class Value>
class MovingBound {
 public:
  using Key = KeyOf<Value>;

  /// Of blocks that keep k.
  explicit MovingBound(std::uint64_t k)
      // Four standard deviations more than k, so that few blocks have fewer.
      : wanted_(k + 8 + static_cast<std::uint64_t>(4 * std::sqrt(static_cast<double>(k)))) {}

  /// Keys above it are listed: those of Inf and NaN at least.
  Key key() const { return key_; }

  /// Follows a block in which this many were listed, and whose k-th largest key was `kth`.
  void follow(std::uint64_t listed, std::uint64_t k, Key kth) {
    // After a miss it begins a tenth or so under the k-th, where blocks of its kind have enough.
    const bool is_near = listed >= k && listed <= 4 * wanted_;
    key_ = is_near ? key_ + (listed > wanted_ ? step : -step) : kth - 12 * step;
    key_ = std::clamp(key_, Key{0}, infinity_key<Value> - 1);
  }

 private:
  /// A hundredth or so of the magnitude, whatever that is.
  static constexpr Key step = Key{1} << (std::numeric_limits<Value>::digits - 1 - 6);

  std::uint64_t wanted_;
  Key key_ = infinity_key<Value> - 1;
};

}  // namespace skimp::topk
