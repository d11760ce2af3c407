/// \file
/// How many elements a sparse codec keeps: k of them, or a density of whatever the count is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "codecs/arguments.h"

namespace skimp {

/// k must fit in 48 bits of a header.
inline constexpr std::uint64_t largest_kept = (std::uint64_t{1} << 48) - 1;

class Budget {
 public:
  /// Takes `density` or `k`: exactly one must be given. `codec` is the name in messages.
  static Budget take(const char* codec, Arguments& arguments);

  /// k elements; 0 is possible here, for slices and for headers.
  static Budget of_k(const char* codec, std::uint64_t k) { return Budget(codec, std::nullopt, k); }

  /// k for an array of `count`. An empty array keeps nothing. Throws InvalidArgument when k exceeds
  /// count, which the message calls `what`.
  std::uint64_t kept(std::uint64_t count, const char* what = "count") const;

  /// As kept, with count in place of a k that exceeds it.
  std::uint64_t kept_at_most(std::uint64_t count) const;

  /// For what was received: throws CorruptPayload in place of InvalidArgument.
  std::uint64_t kept_of_received(std::uint64_t count) const;

  /// The share of elements begin … end of an array of `count`. Shares of adjacent slices add up.
  Budget slice(std::uint64_t begin, std::uint64_t end, std::uint64_t count) const;

  /// "density=0.01" or "k=100".
  std::string text() const;

 private:
  Budget(const char* codec, std::optional<double> density, std::uint64_t k)
      : codec_(codec), density_(density), k_(k) {}

  const char* codec_;
  std::optional<double> density_;
  std::uint64_t k_;  ///< without density
};

}  // namespace skimp
