/// \file
/// Which elements of a job top-k keeps, in about one pass over the data.
///
/// 1. Guess a bound a little under the k-th largest magnitude, from a sample.
/// 2. One pass adds input and residual, writes the sums to residual_out (most of them stay there:
///    all but k are left out) and lists those above the guess.
/// 3. If at least k are listed, the k-th largest of them is the k-th largest of all, exactly, and
///    what is kept is among them. This holds whatever the data; only the speed was guessed.
/// 4. If not, or if there are more than was made room for (many equal values, a sorted array that
///    the sample misjudges), up to three passes (six for double) find the k-th largest by radix. In
///    the second case it is above the guess: of many equal values that ends the search.
///
/// The guess is made anew from the data in each call, not carried from the last: reading 16384 of
/// 2^24 values takes a few hundredths of the encode, needs no state, and is right in the first call
/// too.
#pragma once

#include <cstdint>

#include "codecs/topk/guess.h"
#include "codecs/topk/survey.h"

namespace skimp::topk {

template <Isa isa, class Value>
class Selection {
 public:
  static std::uint64_t workspace_bytes(std::uint64_t count, std::uint64_t k) {
    return Survey<isa, Value>::workspace_bytes(shape_for(count, k).capacity);
  }

  /// Selects k of the job's values. Afterwards residual_out, if wanted, holds all of them.
  Selection(const EncodeJob& job, std::uint64_t k)
      : k_(k), shape_(shape_for(job.count, k)), survey_(job, shape_.capacity) {
    if (shape_.capacity > 0) bound_ = guess();
    survey_.run(job, bound_);
    if (!survey_.is_listed()) {
      scan();
    } else {
      note(survey_.list().values, survey_.list().size);
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
      filter_.template keep<isa>(survey_.list());
      return visit(std::uint64_t{0}, survey_.list());
    }
    const auto bound = [&] { return filter_.bound(); };  // Rises when no more ties are wanted.
    survey_.for_each_above(bound, [&](std::uint64_t base, List<Value>& list) {
      filter_.template keep<isa>(list);
      if (list.size > 0) visit(base, list);
    });
  }

 private:
  using Key = KeyOf<Value>;

  /// No guess where indices would not fit a list.
  static GuessShape shape_for(std::uint64_t count, std::uint64_t k) {
    return {count, count >> 32 == 0 ? k : 0, std::max(std::uint64_t{4096}, count / 1024)};
  }

  /// A bound from the shape's rank in an evenly spaced sample; below Inf, so that the survey sees
  /// every NaN and Inf, and not below zero.
  Key guess() {
    Value* sample = survey_.list().values;
    survey_.sample(shape_.step(survey_.count()), shape_.sampled, sample);
    const auto found =
        find_threshold<isa, Value>(shape_.rank, shape_.sampled, 0, infinity_key<Value> + 1,
                                   [&](auto&& visit) { visit(sample, shape_.sampled); });
    return std::clamp(found.key - 1, Key{0}, infinity_key<Value> - 1);
  }

  /// Looks at all values for what the survey has not seen.
  void scan() {
    for_each_tile(survey_.values(), survey_.count(),
                  [&](std::uint64_t, std::uint64_t n, const Value* values) {
                    const Key largest = loose_key_of(largest_magnitude(values, n));
                    if (largest < infinity_key<Value>) {
                      largest_ = std::max(largest_, largest);
                    } else {
                      note(values, n);
                    }
                  });
  }

  void note(const Value* values, std::uint64_t n) {
    Key largest = largest_, largest_finite = largest_;
    for (std::uint64_t i = 0; i < n; ++i) {
      const Key key = loose_key_of(values[i]);
      largest = std::max(largest, key);
      largest_finite = std::max(largest_finite, key < infinity_key<Value> ? key : Key{0});
    }
    nonfinite_ |= largest >= infinity_key<Value>;
    largest_ = largest_finite;
  }

  Threshold<Value> find_kth() {
    const Key high = nonfinite_ ? infinity_key<Value> + 1 : largest_;
    if (survey_.is_listed()) {
      const List<Value>& list = survey_.list();
      if (list.size >= k_) {
        hit_ = true;
        return find_threshold<isa, Value>(k_, list.size, bound_ + 1, high,
                                          [&](auto&& visit) { visit(list.values, list.size); });
      }
      if (bound_ == 0) {
        all_listed_ = true;
        return {0, k_ - list.size};  // All others are zeros.
      }
    }
    const Key low = shape_.capacity > 0 && !survey_.is_listed() ? bound_ + 1 : 0;
    return find_threshold<isa, Value>(k_, survey_.count(), low, high, [&](auto&& visit) {
      for_each_tile(survey_.values(), survey_.count(),
                    [&](std::uint64_t, std::uint64_t n, const Value* values) { visit(values, n); });
    });
  }

  std::uint64_t k_;
  GuessShape shape_;
  Survey<isa, Value> survey_;
  Key bound_ = 0;
  bool hit_ = false;         ///< what is kept is in the list
  bool all_listed_ = false;  ///< what is not in the list is zero, and some of it is kept
  bool nonfinite_ = false;
  Key largest_ = 0;
  Filter<Value> filter_{{}};
};

}  // namespace skimp::topk
