/// \file
/// The random numbers of consecutive elements.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/philox.h"
#include "codecs/blocks.h"

namespace skimp {

/// Which random numbers an encode draws: element i of the whole array has word i.
struct ElementWords {
  std::uint64_t seed;
  RandomStream random;
  std::uint64_t first_element;  ///< of the job, in the whole array

  /// Room for the words of a run, which may begin and end within a group of four.
  static constexpr std::uint64_t room = run_elements + 8;

  /// The words of elements begin … begin + n of the job, n ≤ run_elements; in `drawn`.
  const std::uint32_t* draw_run(std::uint64_t begin, std::uint64_t n, std::uint32_t* drawn) const {
    const std::uint64_t first = first_element + begin;
    const std::uint64_t group = first / 4;
    draw_many(seed, random, group, divide_up(first + n, 4) - group, drawn);
    return drawn + first % 4;
  }
};

}  // namespace skimp
