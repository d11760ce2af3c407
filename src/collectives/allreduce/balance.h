/// \file
/// The decisions of sparse_balanced that need no messages: which sums stay, and who sends them on.
#pragma once

#include <cstdint>
#include <vector>

#include "base/numbers.h"
#include "codecs/entries.h"

namespace skimp::balance {

/// Groups that an owner's sums are told in.
inline constexpr std::uint64_t groups = 32;

/// ⌊part · whole / parts⌋ without overflow, as far as the result goes.
inline std::uint64_t share(std::uint64_t part, std::uint64_t whole, std::uint64_t parts) {
  return part * (whole / parts) + part * (whole % parts) / parts;
}

/// The places of the entries by falling magnitude, NaN first; of equal ones the lower index first.
template <class Value>
std::vector<std::uint64_t> by_magnitude(const Entries<Value>& entries);

/// What an owner tells of its sums: the smallest magnitude of each of min(groups, size) groups of
/// as even size as possible, in falling order.
template <class Value>
std::vector<BitsOf<Value>> summary_of(const Entries<Value>& entries,
                                      const std::vector<std::uint64_t>& order);

template <class Value>
struct Summary {
  std::uint64_t size = 0;
  std::vector<BitsOf<Value>> smallest;
};

/// How many sums each owner keeps, its largest: min(k, all) in total. Groups are taken by falling
/// smallest magnitude, of equal ones in order of the owners; the last one is taken in part.
template <class Value>
std::vector<std::uint64_t> choose(const std::vector<Summary<Value>>& summaries, std::uint64_t k);

/// Which of all kept entries, in order, a rank has.
struct Stretch {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t size() const { return end - begin; }
};

inline Stretch common(const Stretch& a, const Stretch& b) {
  const std::uint64_t begin = a.begin > b.begin ? a.begin : b.begin;
  const std::uint64_t end = a.end < b.end ? a.end : b.end;
  return {begin, end > begin ? end : begin};
}

/// Where the kept entries lie: those of owners before the last exchange, and even parts after it.
struct Dealing {
  Dealing(const std::vector<std::uint64_t>& kept, const std::vector<std::uint64_t>& borders);

  std::vector<Stretch> owned;   ///< by owner
  std::vector<Stretch> dealt;   ///< by rank
  std::vector<Stretch> ranges;  ///< of elements, that dealt entries are from; empty without any
};

}  // namespace skimp::balance
