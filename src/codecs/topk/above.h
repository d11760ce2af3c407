/// \file
/// Which elements of a job a threshold keeps, in one pass over the data where these are few.
///
/// 1. A fraction of the largest magnitude asks for that first: a pass that reads only.
/// 2. One pass adds input and residual, writes the sums to residual_out and lists those that reach
///    the threshold.
/// 3. If there are more than was made room for, they are counted in a second pass, and visited in a
///    third; the result is the same.
#pragma once

#include <cstdint>

#include "codecs/topk/survey.h"

namespace skimp::topk {

/// A magnitude, or a fraction of the largest.
struct Limit {
  double number = 0;
  bool is_fraction = false;

  /// Keys above it are kept: those of all magnitudes that reach the limit, which is rounded to
  /// Value, of NaN and of Inf, and never those of zeros.
  template <class Value>
  KeyOf<Value> bound(Value largest) const {
    const auto rounded = static_cast<Value>(number);
    const KeyOf<Value> key = loose_key_of(is_fraction ? rounded * largest : rounded);
    return std::clamp(key, KeyOf<Value>{1}, infinity_key<Value>) - 1;
  }
};

template <Isa isa, class Value>
class Above {
 public:
  static std::uint64_t workspace_bytes(std::uint64_t count) {
    return Survey<isa, Value>::workspace_bytes(capacity(count));
  }

  /// Selects of the job's values. Afterwards residual_out, if wanted, holds all of them.
  Above(const EncodeJob& job, const Limit& limit) : survey_(job, capacity(job.count)) {
    bound_ = limit.bound(limit.is_fraction ? largest_of_all() : Value{0});
    survey_.run(job, bound_);
    for_each_kept([&](std::uint64_t, const List<Value>& kept) {
      kept_ += kept.size;
      largest_ = std::max(largest_, largest_finite(kept.values, kept.size));
      nonfinite_ |= !all_finite(kept.values, kept.size);
    });
  }

  /// How many are kept.
  std::uint64_t kept() const { return kept_; }

  /// Their largest finite magnitude; zero when there is none.
  Value largest() const { return largest_; }

  /// Whether some value is NaN or Inf: such are kept.
  bool nonfinite() const { return nonfinite_; }

  /// Calls visit(base, list) with what is kept, in order: indices count from base.
  template <class Visit>
  void for_each_kept(Visit&& visit) {
    if (!survey_.is_listed()) return survey_.for_each_above([&] { return bound_; }, visit);
    if (survey_.list().size > 0) visit(std::uint64_t{0}, survey_.list());
  }

 private:
  /// Room for all of a small array, and for as much of a large one as a threshold should keep.
  static std::uint64_t capacity(std::uint64_t count) {
    if (count >> 32 != 0) return 0;
    return std::min(count, std::max(std::uint64_t{1} << 14, count / 16));
  }

  Value largest_of_all() const {
    Value largest = 0;
    for_each_tile(survey_.values(), survey_.count(),
                  [&](std::uint64_t, std::uint64_t n, const Value* values) {
                    largest = std::max(largest, largest_finite(values, n));
                  });
    return largest;
  }

  Survey<isa, Value> survey_;
  KeyOf<Value> bound_ = 0;
  std::uint64_t kept_ = 0;
  Value largest_ = 0;
  bool nonfinite_ = false;
};

}  // namespace skimp::topk
