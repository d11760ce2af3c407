/// \file
/// Quantize: codes of which several fit in a byte.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/host_device.h"

namespace skimp::quantize {

/// Bits shift … shift + width − 1 of as many codes as fit, as one byte.
template <int width>
SKIMP_HOST_DEVICE inline std::byte packed_byte(const std::uint8_t* codes, int shift) {
  constexpr unsigned mask = (1u << width) - 1;
  unsigned byte = 0;
  for (int j = 0; j < 8 / width; ++j) {
    const unsigned code = codes[j];
    byte |= ((code >> shift) & mask) << (j * width);
  }
  return static_cast<std::byte>(byte);
}

}  // namespace skimp::quantize
