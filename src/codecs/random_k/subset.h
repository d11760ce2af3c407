/// \file
/// A uniformly random k-subset of 0 … count − 1, as a bitmap.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "base/philox.h"
#include "base/wide.h"

namespace skimp::random_k {

/// Bytes of the bitmap.
inline std::uint64_t subset_bytes(std::uint64_t count) { return divide_up(count, 64) * 8; }

/// Floyd's algorithm: round i draws from 0 … j, j = count − k + i, and takes j itself when what it
/// drew is already in the set. k ≤ count.
inline void draw_subset(std::uint64_t seed, RandomStream stream, std::uint64_t k,
                        std::uint64_t count, std::uint64_t* bitmap) {
  if (count > 0) std::memset(bitmap, 0, subset_bytes(count));
  for (std::uint64_t i = 0; i < k; ++i) {
    const std::uint64_t j = count - k + i;
    const auto words = draw(seed, stream, i);
    const std::uint64_t t = multiply_high(words[0] | std::uint64_t{words[1]} << 32, j + 1);
    const bool taken = (bitmap[t / 64] >> (t % 64) & 1) != 0;
    const std::uint64_t member = taken ? j : t;
    bitmap[member / 64] |= std::uint64_t{1} << (member % 64);
  }
}

/// Calls visit(i) for the members from `begin`, a multiple of 64, to before `end`, in order.
template <class Visit>
void for_each_member(const std::uint64_t* bitmap, std::uint64_t begin, std::uint64_t end,
                     Visit&& visit) {
  for (std::uint64_t base = begin; base < end; base += 64) {
    for (std::uint64_t word = bitmap[base / 64]; word != 0; word &= word - 1) {
      visit(base + static_cast<std::uint64_t>(std::countr_zero(word)));
    }
  }
}

}  // namespace skimp::random_k
