/// \file
/// Which elements of a job top-k keeps, and what has to be known of all the others.
///
/// A guess from a sample keeps this to one pass over the data: the pass collects the values above
/// the guess, and the k-th largest of those is the k-th largest of all if they are k or more. If
/// they are fewer, or more than there is room for, three passes (six for double) find it without.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "codecs/elements.h"
#include "codecs/topk/select.h"

namespace skimp::topk {

/// How much is sampled and collected; nothing for arrays that are small or keep much, where a guess
/// saves little.
struct GuessShape {
  std::uint64_t sampled = 0;
  std::uint64_t rank = 0;      ///< of the guess among the sample
  std::uint64_t capacity = 0;  ///< values that there is room for

  GuessShape(std::uint64_t count, std::uint64_t k) {
    if (k == 0 || count < (1u << 15) || k > count / 8) return;
    sampled = std::max(std::uint64_t{4096}, count / 1024);
    // A quarter more than k's share, and three standard deviations of it.
    const double share =
        static_cast<double>(k) / static_cast<double>(count) * static_cast<double>(sampled);
    rank = 4 + static_cast<std::uint64_t>(1.25 * share + 3 * std::sqrt(share));
    capacity = std::max(sampled, 2 * rank * (count / sampled));
  }
};

template <class Value>
class Selection {
 public:
  static std::uint64_t workspace_bytes(std::uint64_t count, std::uint64_t k) {
    return GuessShape(count, k).capacity * sizeof(Value);
  }

  /// Selects k of `count` values; the workspace is not used afterwards.
  Selection(const Source<Value>& source, std::uint64_t count, std::uint64_t k, void* workspace) {
    const GuessShape shape(count, k);
    auto* collected = static_cast<Value*>(workspace);
    const Key bound = shape.capacity > 0 ? guess(source, count, shape, collected) : 0;
    const std::uint64_t found = survey(source, count, bound, collected, shape.capacity);
    if (k == 0) return;
    if (found < k && bound == 0 && shape.capacity > 0) {
      threshold_ = {0, k - found};  // All others are zeros.
    } else if (found >= k && found <= shape.capacity) {
      threshold_ = find_threshold<Value>(k, [&](auto&& visit) { visit(collected, found); });
    } else {
      threshold_ = find_threshold<Value>(k, [&](auto&& visit) {
        for_each_tile(source, count, [&](std::uint64_t, std::uint64_t n, const Value* values) {
          visit(values, n);
        });
      });
    }
    bound_ = threshold_.key - 1;
  }

  /// Whether some value is NaN or Inf.
  bool nonfinite() const { return nonfinite_; }

  /// The largest finite magnitude; zero when there is none.
  Value largest() const { return std::bit_cast<Value>(largest_); }

  /// Calls visit(i) for those of n values that are kept. Tiles of the array must come in order.
  template <class Visit>
  void for_each_kept(const Value* values, std::uint64_t n, Visit&& visit) {
    for_each_above(values, n, bound_, [&](std::uint64_t i, Key key) {
      if (key == threshold_.key && --threshold_.ties == 0) bound_ = threshold_.key;
      visit(i);
    });
  }

 private:
  using Key = KeyOf<Value>;

  /// A bound from the shape's rank in an evenly spaced sample; below Inf, so that the survey sees
  /// every NaN and Inf, and not below zero. An odd step meets every column of a matrix whose rows
  /// are a power of two long.
  static Key guess(const Source<Value>& source, std::uint64_t count, const GuessShape& shape,
                   Value* sample) {
    const std::uint64_t step = (count / shape.sampled - 1) | 1;
    for (std::uint64_t j = 0; j < shape.sampled; ++j) sample[j] = source.at(j * step);
    const auto found =
        find_threshold<Value>(shape.rank, [&](auto&& visit) { visit(sample, shape.sampled); });
    return std::clamp(found.key - 1, Key{0}, infinity_key<Value> - 1);
  }

  /// Looks at all values once, for those above `bound`: notes NaN and Inf and the largest finite
  /// one, and collects them while there is room. Without room the bound follows the largest.
  /// Returns how many there were to collect, more than `room` when it did not suffice.
  std::uint64_t survey(const Source<Value>& source, std::uint64_t count, Key bound,
                       Value* collected, std::uint64_t room) {
    const Key first_bound = bound;
    std::uint64_t found = 0;
    for_each_tile(source, count, [&](std::uint64_t, std::uint64_t n, const Value* values) {
      for_each_above(values, n, bound, [&](std::uint64_t i, Key key) {
        if (key < infinity_key<Value>) {
          largest_ = std::max(largest_, key);
        } else {
          nonfinite_ = true;
        }
        if (found < room) {
          collected[found++] = values[i];
        } else {
          found = room + 1;
          bound = std::max(bound, largest_);
        }
      });
    });
    // Nothing finite exceeds the bound: look below it.
    if (largest_ == 0 && first_bound > 0) survey(source, count, 0, nullptr, 0);
    return found;
  }

  bool nonfinite_ = false;
  Key largest_ = 0;
  Threshold<Value> threshold_;
  Key bound_ = std::numeric_limits<Key>::max();  ///< what is kept has a key above it
};

}  // namespace skimp::topk
