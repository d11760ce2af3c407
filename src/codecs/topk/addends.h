/// \file
/// Sparse arrays on their way into a selection: added to a job's values when these are read.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "codecs/elements.h"

namespace skimp::topk {

/// The most that are read at once: what is written past the cache leaves in short bursts.
inline constexpr std::uint64_t survey_elements = 256;

/// The sums of a job's values and its addends, read once and in order.
template <class Value>
class SummedSource {
 public:
  explicit SummedSource(const EncodeJob& job) : own_(job) {
    if (job.addends == nullptr) return;
    for (const Addends::List& list : job.addends->lists) {
      lists_.push_back({list.indices, static_cast<const Value*>(list.values), list.size});
    }
    before_ = job.addends->before;
  }

  bool has_addends() const { return !lists_.empty(); }

  /// Writes sums begin … begin + n, n ≤ tile_elements, to `tile`, and returns it; the residual's
  /// own place may be the tile.
  const Value* load(std::uint64_t begin, std::uint64_t n, Value* tile) {
    own_.load(begin, n, tile);
    if (before_ > 0) add_before(begin, n, tile);
    for (std::size_t l = before_; l < lists_.size(); ++l) {
      lists_[l].take(begin, n, [&](std::uint64_t i, Value value) { tile[i] += value; });
    }
    return tile;
  }

  /// Adds what is known of elements 0, step, 2 · step, … to n values.
  void add_to_sample(std::uint64_t step, std::uint64_t n, Value* sample) const {
    // Indices are below 2^32, so that the nearest integer is the quotient if there is no rest.
    const double inverse = 1 / static_cast<double>(step);
    for (const List& list : lists_) {
      for (std::uint64_t j = 0; j < list.size; ++j) {
        const std::uint64_t index = list.indices[j];
        const auto i = static_cast<std::uint64_t>(static_cast<double>(index) * inverse + 0.5);
        if (i * step == index && i < n) sample[i] += list.values[j];
      }
    }
  }

 private:
  struct List {
    const std::uint64_t* indices;
    const Value* values;
    std::uint64_t size;  ///< that are still to come

    /// Calls visit(i, value) with entries that are still to come of elements begin + i, i < n.
    template <class Visit>
    std::uint64_t peek(std::uint64_t begin, std::uint64_t n, Visit&& visit) const {
      std::uint64_t j = 0;
      for (; j < size && indices[j] - begin < n; ++j) visit(indices[j] - begin, values[j]);
      return j;
    }
    template <class Visit>
    void take(std::uint64_t begin, std::uint64_t n, Visit&& visit) {
      const std::uint64_t j = peek(begin, n, visit);
      indices += j, values += j, size -= j;
    }
  };

  /// Adds the sums of the lists that come before this rank's values: 0 for most elements, which
  /// makes 0 of −0.
  void add_before(std::uint64_t begin, std::uint64_t n, Value* tile) {
    for (std::uint64_t i = 0; i < n; ++i) tile[i] += Value{0};
    const auto add_to_others = [&](std::uint64_t i, Value value) { others_[i] += value; };
    for (std::size_t l = 0; l < before_; ++l) lists_[l].peek(begin, n, add_to_others);
    const auto move = [&](std::uint64_t i, Value) {
      tile[i] += std::exchange(others_[i], Value{0});
    };
    for (std::size_t l = 0; l < before_; ++l) lists_[l].take(begin, n, move);
  }

  Source<Value> own_;
  std::vector<List> lists_;
  std::size_t before_ = 0;
  Value others_[tile_elements] = {};  ///< zeros, but while they are added
};

}  // namespace skimp::topk
