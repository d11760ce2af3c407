/// \file
/// The k-th largest magnitude, exactly, in linear time whatever the data.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>

#include "base/bytes.h"
#include "codecs/elements.h"
#include "codecs/sign_bits.h"
#include "codecs/topk/element.h"

namespace skimp::topk {

/// The largest finite magnitude; 0 when there is none.
template <class Value>
Value largest_finite(const Value* values, std::uint64_t n) {
  KeyOf<Value> largest = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    const KeyOf<Value> key = loose_key_of(values[i]);
    largest = std::max(largest, key < infinity_key<Value> ? key : KeyOf<Value>{0});
  }
  return std::bit_cast<Value>(largest);
}

/// The k-th largest key by radix, among keys from `low` to `high`: a histogram of the leading digit
/// of key − low tells that of the k-th key; the next pass looks at the next digit of the keys that
/// share it, and so on: at most 3 passes for float, 6 for double, or 4 and 8 with short digits,
/// whose tables are soon cleared. `for_each_run(visit)` calls visit(values, n) until all were seen.
/// k is at least one and at most the number of values; the k-th key is at least `low`, as which all
/// keys below it count.
template <int digit_bits, Isa isa, class Value, class ForEachRun>
Threshold<Value> find_threshold_by(std::uint64_t k, KeyOf<Value> low, KeyOf<Value> high,
                                   ForEachRun&& for_each_run) {
  using Key = KeyOf<Value>;
  Threshold<Value> found{0, k};  // The digits known so far; the rank among keys that share them.
  for (auto unknown = static_cast<int>(std::bit_width(static_cast<BitsOf<Value>>(high - low)));
       unknown > 0;) {
    const int width = std::min(digit_bits, unknown);
    unknown -= width;
    // Two tables: neighbours often fall into one bucket, whose increments wait for one another.
    std::uint64_t histogram[2][1 << digit_bits] = {};
    for_each_run([&histogram, low, prefix = found.key, shift = unknown, width](const Value* values,
                                                                               std::uint64_t n) {
      const auto digits_of = [&](Value value) {
        return (std::max(key_of(value), low) - low) >> shift;
      };
      const auto count = [&](std::uint64_t i) {
        ++histogram[i % 2][digits_of(values[i]) & ((Key{1} << width) - 1)];
      };
      std::uint64_t i = 0;
      for (; i + 32 <= n; i += 32) {
        // Whether a key shares the prefix may be anybody's guess: a word of answers, no branches.
        Key differs[32];
        for (std::uint64_t j = 0; j < 32; ++j) {
          differs[j] = ((digits_of(values[i + j]) >> width) ^ prefix) - 1;  // Negative if not.
        }
        for (std::uint32_t word = sign_bits<isa>(differs); word != 0; word &= word - 1) {
          count(i + static_cast<std::uint64_t>(std::countr_zero(word)));
        }
      }
      for (; i < n; ++i) {
        if (digits_of(values[i]) >> width == prefix) count(i);
      }
    });
    Key digit = (Key{1} << width) - 1;
    for (;; --digit) {
      const std::uint64_t equal = histogram[0][digit] + histogram[1][digit];
      if (found.ties <= equal) break;
      found.ties -= equal;
    }
    found.key = found.key << width | digit;
  }
  found.key += low;
  return found;
}

/// So many values take less time to sort out than a table takes to clear and to read.
inline constexpr std::uint64_t few = 128;

/// The same, of that many at most.
template <class Value, class ForEachRun>
Threshold<Value> find_threshold_of_few(std::uint64_t k, ForEachRun&& for_each_run) {
  KeyOf<Value> keys[few] = {};
  KeyOf<Value>* end = keys;
  for_each_run([&end](const Value* values, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) *end++ = key_of(values[i]);
  });
  KeyOf<Value>* const kth = keys + (k - 1);
  std::nth_element(keys, kth, end, std::greater{});
  const auto above = std::count_if(keys, kth, [kth](KeyOf<Value> key) { return key > *kth; });
  return {*kth, k - static_cast<std::uint64_t>(above)};
}

/// The same, by what suits the number of values.
template <Isa isa, class Value, class ForEachRun>
Threshold<Value> find_threshold(std::uint64_t k, std::uint64_t count, KeyOf<Value> low,
                                KeyOf<Value> high, ForEachRun&& for_each_run) {
  if (count <= few) return find_threshold_of_few<Value>(k, for_each_run);
  return count < (1u << 14) ? find_threshold_by<8, isa, Value>(k, low, high, for_each_run)
                            : find_threshold_by<11, isa, Value>(k, low, high, for_each_run);
}

}  // namespace skimp::topk
