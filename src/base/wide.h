/// \file
/// Products of 64-bit numbers that do not overflow.
#pragma once

#include <cstdint>

namespace skimp {

__extension__ using Wide = unsigned __int128;

/// ⌊a·b / divisor⌋, which must fit in 64 bits.
inline std::uint64_t multiply_divide(std::uint64_t a, std::uint64_t b, std::uint64_t divisor) {
  return static_cast<std::uint64_t>(Wide{a} * b / divisor);
}

/// ⌊a·b / 2^64⌋
inline std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::uint64_t>(Wide{a} * b >> 64);
}

}  // namespace skimp
