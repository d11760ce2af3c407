/// \file
/// What kernels report: bits of one word in the device's memory, zero before, which the host reads
/// once it has waited for the stream.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace skimp {

using DeviceStatus = std::uint32_t;

inline constexpr DeviceStatus nonfinite_status = 1;  ///< encoding: some value was NaN or Inf
inline constexpr DeviceStatus scale_status = 2;      ///< decoding: a scale that no encoder writes
inline constexpr DeviceStatus code_status = 4;       ///< decoding: a code that no encoder writes

/// Throws CorruptPayload if a decoding kernel met what no encoder writes.
inline void require_intact_status(const std::string& codec, DeviceStatus status) {
  require_intact((status & scale_status) == 0, codec,
                 ": a scale is neither a magnitude nor the canonical NaN");
  require_intact((status & code_status) == 0, codec, ": a code exceeds the largest");
}

}  // namespace skimp
