/// \file
/// Lists the few values of a tile that exceed a bound, with where they were, and keeps those of a
/// list that a threshold selects.
#pragma once

#include <bit>
#include <cstdint>

#include "codecs/elements.h"
#include "codecs/sign_bits.h"
#include "codecs/topk/keys.h"

namespace skimp::topk {

/// A list writes up to this many entries beyond its end.
inline constexpr std::uint64_t list_slack = 64;

/// Values and their indices, counted from some base.
template <class Value>
struct List {
  Value* values = nullptr;
  std::uint32_t* indices = nullptr;
  std::uint64_t size = 0;

  void push(Value value, std::uint32_t index) {
    values[size] = value;
    indices[size] = index;
    ++size;
  }
};

/// Bit j is set if the key of values[i + j] (NaN may be any above Inf) exceeds `bound` ≥ −1.
template <Isa isa, class Values, class Value = ValueOf<Values>>
std::uint32_t bits_above(const Values& values, std::uint64_t i, KeyOf<Value> bound) {
  KeyOf<Value> below[32];
#pragma GCC ivdep
  for (std::uint64_t j = 0; j < 32; ++j) below[j] = bound - loose_key_of(values[i + j]);
  return sign_bits<isa>(below);
}

/// Appends those of n ≤ tile_elements values, an array or Sums, whose key exceeds `bound`; value i
/// has index first + i. The list has room for n more, and slack.
template <Isa isa, class Values, class Value = ValueOf<Values>>
void append_above(const Values& source, std::uint64_t n, KeyOf<Value> bound, std::uint32_t first,
                  List<Value>& list) {
  const Value* values = array_of(source);
  std::uint64_t size = list.size, i = 0;
  for (; i + 64 <= n; i += 64) {
    std::uint64_t word = bits_above<isa>(source, i, bound);
    word |= std::uint64_t{bits_above<isa>(source, i + 32, bound)} << 32;
    const auto hits = static_cast<std::uint64_t>(std::popcount(word));
    // Mostly there are none to two: writing two without asking is faster than asking how many.
    std::uint64_t j = 0;
    do {
      for (std::uint64_t l = j; l < j + 2; ++l) {
        const std::uint64_t at = i + (static_cast<std::uint64_t>(std::countr_zero(word)) & 63);
        list.values[size + l] = values[at];
        list.indices[size + l] = first + static_cast<std::uint32_t>(at);
        word &= word - 1;
      }
      j += 2;
    } while (j < hits);
    size += hits;
  }
  for (; i < n; ++i) {
    const Value value = source[i];
    list.values[size] = value;
    list.indices[size] = first + static_cast<std::uint32_t>(i);
    size += loose_key_of(value) > bound;
  }
  list.size = size;
}

/// Keeps, of values that come in index order, those that a threshold selects.
template <class Value>
class Filter {
 public:
  explicit Filter(const Threshold<Value>& threshold) : key_(threshold.key), ties_(threshold.ties) {}

  /// What is kept has a larger key than this.
  KeyOf<Value> bound() const { return ties_ == 0 ? key_ : key_ - 1; }

  /// Moves what is kept to the front of the list. Nobody can tell which are: a word of answers, no
  /// branches.
  template <Isa isa>
  void keep(List<Value>& list) {
    std::uint64_t kept = 0, i = 0;
    const auto move = [&](std::uint64_t j) {
      list.values[kept] = list.values[j];
      list.indices[kept] = list.indices[j];
      ++kept;
    };
    for (; i + 32 <= list.size; i += 32) {
      std::uint32_t word = above<isa>(list.values + i, key_);
      if (ties_ > 0) word |= first_ties(above<isa>(list.values + i, key_ - 1) & ~word);
      for (; word != 0; word &= word - 1) {
        move(i + static_cast<std::uint64_t>(std::countr_zero(word)));
      }
    }
    for (; i < list.size; ++i) {
      const KeyOf<Value> key = key_of(list.values[i]);
      if (key > key_ || (key == key_ && first_ties(1) != 0)) move(i);
    }
    list.size = kept;
  }

 private:
  /// Bit j is set if the key of values[j] exceeds `bound`. All NaN have one key here.
  template <Isa isa>
  static std::uint32_t above(const Value* values, KeyOf<Value> bound) {
    KeyOf<Value> below[32];
    for (std::uint64_t j = 0; j < 32; ++j) below[j] = bound - key_of(values[j]);
    return sign_bits<isa>(below);
  }

  /// Of values that have the key itself, those for which ties are left.
  std::uint32_t first_ties(std::uint32_t equal) {
    std::uint32_t first = 0;
    for (; equal != 0 && ties_ > 0; equal &= equal - 1, --ties_) first |= equal & (0u - equal);
    return first;
  }

  KeyOf<Value> key_;
  std::uint64_t ties_;
};

}  // namespace skimp::topk
