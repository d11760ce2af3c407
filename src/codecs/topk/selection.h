/// \file
/// Which elements of a job top-k keeps, in about one pass over the data.
///
/// 1. Guess a bound a little under the k-th largest magnitude, from a sample.
/// 2. One pass adds input and residual, writes the sums to residual_out (most of them stay there:
///    all but k are left out) and lists those above the guess.
/// 3. If at least k are listed, the k-th largest of them is the k-th largest of all, exactly, and
///    what is kept is among them. This holds whatever the data; only the speed was guessed.
/// 4. If not, or if there are more than was made room for (many equal values, a sorted array that
///    the sample misjudges), three passes (six for double) find the k-th largest by radix.
///
/// The guess is made anew from the data in each call, not carried from the last: reading 16384 of
/// 2^24 values takes a few hundredths of the encode, needs no state, and is right in the first call
/// too.
#pragma once

#include <cstdint>

#include "codecs/topk/collect.h"
#include "codecs/topk/guess.h"

namespace skimp::topk {

template <Isa isa, class Value>
class Selection {
 public:
  static std::uint64_t workspace_bytes(std::uint64_t count, std::uint64_t k) {
    const std::uint64_t capacity = shape_for(count, k).capacity;
    return capacity == 0 ? 0 : room_for(capacity) * (sizeof(Value) + sizeof(std::uint32_t));
  }

  /// Selects k of the job's values. Afterwards residual_out, if wanted, holds all of them.
  Selection(const EncodeJob& job, std::uint64_t k)
      : count_(job.count), k_(k), shape_(shape_for(job.count, k)), values_(job) {
    list_.values = reinterpret_cast<Value*>(job.workspace);
    list_.indices = reinterpret_cast<std::uint32_t*>(list_.values + room_for(shape_.capacity));
    if (shape_.capacity > 0) bound_ = guess();
    survey(job);
    if (shape_.capacity == 0 || listed_too_many_) {
      scan();
    } else {
      note(list_.values, list_.size);
      if (largest_ == 0) scan();  // Nothing finite is above the guess: look below it.
    }
    if (k > 0) filter_ = Filter<Value>(find_kth());
  }

  /// Whether some value is NaN or Inf.
  bool nonfinite() const { return nonfinite_; }

  /// The largest finite magnitude; zero when there is none.
  Value largest() const { return std::bit_cast<Value>(largest_); }

  Guess guessed() const {
    if (shape_.capacity == 0) return Guess::none;
    return hit_ || all_listed_ ? Guess::hit : Guess::missed;
  }

  /// Calls visit(base, list) with what is kept, in order: indices count from base.
  template <class Visit>
  void for_each_kept(Visit&& visit) {
    if (k_ == 0) return;
    if (hit_) {
      filter_.keep(list_);
      return visit(std::uint64_t{0}, list_);
    }
    alignas(64) Value values[tile_elements + list_slack];
    alignas(64) std::uint32_t indices[tile_elements + list_slack];
    for_each_tile(values_, count_, [&](std::uint64_t begin, std::uint64_t n, const Value* x) {
      List<Value> list{values, indices};
      append_above<isa>(x, n, filter_.bound(), 0, list);
      filter_.keep(list);
      if (list.size > 0) visit(begin, list);
    });
  }

 private:
  using Key = KeyOf<Value>;

  /// No guess where indices would not fit a list.
  static GuessShape shape_for(std::uint64_t count, std::uint64_t k) {
    return {count, count >> 32 == 0 ? k : 0, std::max(std::uint64_t{4096}, count / 1024)};
  }

  static std::uint64_t room_for(std::uint64_t capacity) {
    return divide_up(capacity + tile_elements + list_slack, 16) * 16;
  }

  /// A bound from the shape's rank in an evenly spaced sample; below Inf, so that the survey sees
  /// every NaN and Inf, and not below zero.
  Key guess() {
    Value* sample = list_.values;
    const std::uint64_t step = shape_.step(count_);
    for (std::uint64_t j = 0; j < shape_.sampled; ++j) sample[j] = values_.at(j * step);
    const auto found =
        find_threshold<isa, Value>(shape_.rank, shape_.sampled, 0, infinity_key<Value> + 1,
                                   [&](auto&& visit) { visit(sample, shape_.sampled); });
    return std::clamp(found.key - 1, Key{0}, infinity_key<Value> - 1);
  }

  /// The one pass.
  void survey(const EncodeJob& job) {
    if (job.residual_out == nullptr && shape_.capacity == 0) return;
    const Sink<Value> residual(residual_output<Value>(job));
    const bool in_place = job.residual_out == job.residual_in;
    alignas(64) Value tile[tile_elements];
    for (std::uint64_t begin = 0; begin < count_; begin += tile_elements) {
      const std::uint64_t n = std::min(tile_elements, count_ - begin);
      const Value* values;
      if (job.residual_out == nullptr) {
        values = values_.view(begin, n, tile);
      } else {
        values = values_.load(begin, n, in_place ? tile : residual.room(begin, tile));
        residual.settle(begin, n, values);
      }
      if (shape_.capacity == 0 || listed_too_many_) continue;
      append_above<isa>(values, n, bound_, static_cast<std::uint32_t>(begin), list_);
      listed_too_many_ = list_.size > shape_.capacity;
    }
    if (job.residual_out != nullptr) {
      values_ = Source<Value>(job.residual_out, residual_output<Value>(job).dtype);
    }
  }

  /// Looks at all values for what the survey has not seen.
  void scan() {
    for_each_tile(values_, count_, [&](std::uint64_t, std::uint64_t n, const Value* values) {
      const Key largest = loose_key_of(largest_magnitude(values, n));
      if (largest < infinity_key<Value>) {
        largest_ = std::max(largest_, largest);
      } else {
        note(values, n);
      }
    });
  }

  void note(const Value* values, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      const Key key = loose_key_of(values[i]);
      const bool finite = key < infinity_key<Value>;
      nonfinite_ |= !finite;
      largest_ = std::max(largest_, finite ? key : Key{0});
    }
  }

  Threshold<Value> find_kth() {
    const Key high = nonfinite_ ? infinity_key<Value> + 1 : largest_;
    if (shape_.capacity > 0 && !listed_too_many_) {
      if (list_.size >= k_) {
        hit_ = true;
        return find_threshold<isa, Value>(k_, list_.size, bound_ + 1, high,
                                          [&](auto&& visit) { visit(list_.values, list_.size); });
      }
      if (bound_ == 0) {
        all_listed_ = true;
        return {0, k_ - list_.size};  // All others are zeros.
      }
    }
    return find_threshold<isa, Value>(k_, count_, 0, high, [&](auto&& visit) {
      for_each_tile(values_, count_,
                    [&](std::uint64_t, std::uint64_t n, const Value* values) { visit(values, n); });
    });
  }

  std::uint64_t count_;
  std::uint64_t k_;
  GuessShape shape_;
  Source<Value> values_;
  List<Value> list_;
  Key bound_ = 0;
  bool listed_too_many_ = false;
  bool hit_ = false;         ///< what is kept is in the list
  bool all_listed_ = false;  ///< what is not in the list is zero, and some of it is kept
  bool nonfinite_ = false;
  Key largest_ = 0;
  Filter<Value> filter_{{}};
};

}  // namespace skimp::topk
