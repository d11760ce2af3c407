/// \file
/// Sparse arrays on their way into a selection: added to a job's values when these are read.
#pragma once

#include <cstdint>
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

  /// Writes sums begin … begin + n, n ≤ survey_elements, to `tile`, and returns it; the residual's
  /// own place may be the tile.
  const Value* load(std::uint64_t begin, std::uint64_t n, Value* tile) {
    if (before_ == 0) {
      own_.load(begin, n, tile);
    } else {
      alignas(64) Value others[survey_elements] = {};
      add_lists(0, before_, begin, n, others);
      own_.load(begin, n, tile);
      for (std::uint64_t i = 0; i < n; ++i) tile[i] += others[i];
    }
    add_lists(before_, lists_.size(), begin, n, tile);
    return tile;
  }

  /// Adds what is known of elements 0, step, 2 · step, … to n values.
  void add_to_sample(std::uint64_t step, std::uint64_t n, Value* sample) const {
    for (const List& list : lists_) {
      for (std::uint64_t j = 0; j < list.size; ++j) {
        const std::uint64_t index = list.indices[j];
        if (index % step == 0 && index / step < n) sample[index / step] += list.values[j];
      }
    }
  }

 private:
  struct List {
    const std::uint64_t* indices;
    const Value* values;
    std::uint64_t size;  ///< that are still to come
  };

  void add_lists(std::size_t first, std::size_t last, std::uint64_t begin, std::uint64_t n,
                 Value* tile) {
    for (std::size_t l = first; l < last; ++l) {
      List& list = lists_[l];
      std::uint64_t j = 0;
      for (; j < list.size && list.indices[j] - begin < n; ++j) {
        tile[list.indices[j] - begin] += list.values[j];
      }
      list = {list.indices + j, list.values + j, list.size - j};
    }
  }

  Source<Value> own_;
  std::vector<List> lists_;
  std::size_t before_ = 0;
};

}  // namespace skimp::topk
