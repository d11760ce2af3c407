/// \file
/// The state of a search for the k-th largest key, digit by digit, and what its steps share. It
/// lies in the device's memory: the host queues all steps, and those that are not needed return at
/// once.
#pragma once

#include <bit>
#include <cstdint>

#include "base/bits.h"
#include "codecs/device_status.h"
#include "codecs/topk/device_workspace.h"
#include "codecs/topk/element.h"
#include "cuda/codecs/topk/list.cuh"

namespace skimp::cuda {

using topk::digit_bits;
inline constexpr unsigned bin_count = 1u << digit_bits;

/// The keys among which the sought one is: low + (prefix ≪ unknown) and what follows, up to where
/// the `unknown` bits are all set. It is the rank-th largest of them.
template <class Value>
struct KeyRange {
  using Key = topk::KeyOf<Value>;

  Key low;
  Key prefix;
  std::int32_t unknown;
  std::uint64_t rank;

  /// From `low` to `high`.
  __device__ static KeyRange of(Key low, Key high, std::uint64_t rank) {
    return {low, 0, bit_width(static_cast<BitsOf<Value>>(high - low)), rank};
  }

  __device__ Key least() const { return low + (prefix << unknown); }

  /// How many bits the next digit has.
  __device__ int width() const { return unknown < digit_bits ? unknown : digit_bits; }

  /// The next digit of a key of the range; −1 for others.
  __device__ int digit_of(Key key) const {
    const Key digits = (key - low) >> (unknown - width());
    const bool inside = digits >> width() == prefix;
    return inside ? static_cast<int>(digits & ((Key{1} << width()) - 1)) : -1;
  }

  __device__ void narrow(int digit, std::uint64_t rank_there) {
    prefix = prefix << width() | static_cast<Key>(digit);
    unknown -= width();
    rank = rank_there;
  }

  /// Once no bits are unknown.
  __device__ topk::Threshold<Value> threshold() const { return {least(), rank}; }
};

template <class Value>
struct Search {
  using Key = topk::KeyOf<Value>;

  Key bound;    ///< values with larger keys are listed
  Key largest;  ///< of finite values
  KeyRange<Value> range;
  unsigned nonfinite;  ///< whether some value is
  unsigned in_list;    ///< whether the sought key, and all larger ones, are in the list
  unsigned rests;      ///< whether the sums of all that is listed are replaced by their rests
  unsigned relist;     ///< whether the list is to be made anew
  unsigned arrived;    ///< blocks, at the end of a kernel
};
static_assert(sizeof(Search<double>) <= 256, "EncodeWorkspace has room for it");

// ---- Digits -------------------------------------------------------------------------------------

/// How often each digit is there; counts of neighbours that fall into one bin are added once, so
/// that equal values do not wait for one another.
class Tally {
 public:
  __device__ explicit Tally(unsigned* bins) : bins_(bins) {}

  __device__ void count(int digit) {
    if (digit != digit_) {
      flush();
      digit_ = digit;
    }
    ++times_;
  }

  __device__ void flush() {
    if (digit_ >= 0 && times_ > 0) atomicAdd(bins_ + digit_, times_);
    times_ = 0;
  }

 private:
  unsigned* bins_;
  int digit_ = -1;
  unsigned times_ = 0;
};

struct Digit {
  int digit;
  std::uint64_t rank;   ///< of the sought key among those that share the digit
  std::uint64_t equal;  ///< how many do
};

/// Shared memory of blocks that search.
struct SearchScratch {
  std::uint64_t sums[most_block_warps];
  Digit found;
  unsigned last_block;
};

/// The digit of the rank-th largest key. Called by whole blocks; the bins are complete.
template <class Count>
__device__ Digit find_digit(const Count* bins, std::uint64_t rank, SearchScratch& scratch) {
  const unsigned mine = bin_count / blockDim.x;
  const int first = static_cast<int>(bin_count - 1 - threadIdx.x * mine);  // and those below
  std::uint64_t sum = 0, all;
  for (unsigned j = 0; j < mine; ++j) sum += bins[first - static_cast<int>(j)];
  const std::uint64_t before = sum_of_threads_before(sum, scratch.sums, all);
  if (before < rank && rank <= before + sum) {
    Digit found{first, rank - before, bins[first]};
    while (found.rank > found.equal) {
      found.rank -= found.equal;
      found.equal = bins[--found.digit];
    }
    scratch.found = found;
  }
  __syncthreads();
  const Digit found = scratch.found;
  __syncthreads();  // before scratch is used again
  return found;
}

// ---- Decisions ----------------------------------------------------------------------------------

/// After the survey: what is known of the k-th largest key, and whether the guess, if there was
/// one, has hit. One thread calls it.
template <class Value>
__device__ void judge(Search<Value>& search, std::uint64_t k, bool guessed, const Listed& listed,
                      DeviceStatus* status) {
  using Key = topk::KeyOf<Value>;
  const Key infinity = topk::infinity_key<Value>;
  const Key high = search.nonfinite != 0 ? static_cast<Key>(infinity + 1) : search.largest;
  if (search.nonfinite != 0) report(status, nonfinite_status);
  search.range = KeyRange<Value>::of(0, high, k);
  if (!guessed) return;
  const bool all_zeros_else = listed.all < k && search.bound == 0;
  search.in_list = search.rests = listed.all >= k && listed.fits;
  if (listed.all >= k) search.range = KeyRange<Value>::of(search.bound + 1, high, k);
  if (all_zeros_else) search.range = KeyRange<Value>::of(0, 0, k - listed.all);
  report(status, search.in_list != 0 || all_zeros_else ? hit_status : missed_status);
}

/// After a digit is counted, for the whole block that has all counts: narrows the range. Empties
/// the list and asks for a new one as soon as that has room for all keys of the range and above.
template <class Value>
__device__ void take_digit(Search<Value>& search, std::uint64_t* bins, std::uint64_t k,
                           const List<Value>& list, SearchScratch& scratch) {
  KeyRange<Value> range = search.range;
  const Digit found = find_digit(bins, range.rank, scratch);
  for (unsigned i = threadIdx.x; i < bin_count; i += blockDim.x) bins[i] = 0;
  if (threadIdx.x != 0) return;
  range.narrow(found.digit, found.rank);
  search.range = range;
  const std::uint64_t at_least = k - found.rank + found.equal;  // keys from range.least() on
  if (search.in_list == 0 && range.least() > 0 && at_least <= list.capacity) {
    search.bound = range.least() - 1;
    for (unsigned part = 0; part < topk::list_parts; ++part) list.count_of(part) = 0;
    search.relist = 1;
  }
}

}  // namespace skimp::cuda
