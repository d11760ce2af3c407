/// \file
/// Philox4x32-10 (Salmon et al., SC 2011): random numbers that are a function of a key and a
/// counter, so that element i draws the same number in any thread, vector lane or GPU block.
#pragma once

#include <array>
#include <cstdint>

#include "base/host_device.h"

namespace skimp {

SKIMP_HOST_DEVICE inline std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                             std::uint64_t seed) {
  auto key0 = static_cast<std::uint32_t>(seed);
  auto key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key0,
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key1,
               static_cast<std::uint32_t>(product0)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

/// Which numbers a call draws, apart from the codec's own seed. `lane` keeps ranks and phases
/// apart: phase << 30 | rank. Lane 3 << 30 is shared by all ranks.
struct RandomStream {
  std::uint32_t call = 0;
  std::uint32_t lane = 0;
};

inline constexpr std::uint32_t shared_lane = 3u << 30;

inline std::uint32_t lane_of(std::uint32_t phase, int rank) {
  return phase << 30 | static_cast<std::uint32_t>(rank);
}

/// Four words for elements 4·group … 4·group + 3.
SKIMP_HOST_DEVICE inline std::array<std::uint32_t, 4> draw(std::uint64_t seed, RandomStream stream,
                                                           std::uint64_t group) {
  return philox({static_cast<std::uint32_t>(group), static_cast<std::uint32_t>(group >> 32),
                 stream.call, stream.lane},
                seed);
}

/// The words of `groups` groups from `first` on, one after the other.
inline void draw_many(std::uint64_t seed, RandomStream stream, std::uint64_t first,
                      std::uint64_t groups, std::uint32_t* words) {
  for (std::uint64_t j = 0; j < groups; ++j) {
    const auto four = draw(seed, stream, first + j);
    for (std::uint64_t i = 0; i < 4; ++i) words[4 * j + i] = four[i];
  }
}

}  // namespace skimp
