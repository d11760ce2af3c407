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
inline constexpr DeviceStatus exponent_status = 8;   ///< decoding: an exponent out of its range
inline constexpr DeviceStatus index_status = 16;     ///< decoding: indices that no encoder writes
inline constexpr DeviceStatus hit_status = 32;       ///< encoding: Guess::hit
inline constexpr DeviceStatus missed_status = 64;    ///< encoding: Guess::missed
inline constexpr DeviceStatus shape_status = 128;    ///< decoding: shapes that were not due

/// Throws CorruptPayload if a decoding kernel met what no encoder writes.
inline void require_intact_status(const std::string& codec, DeviceStatus status) {
  require_intact((status & scale_status) == 0, codec,
                 ": a scale is neither a magnitude nor the canonical NaN");
  require_intact((status & code_status) == 0, codec, ": a code exceeds the largest");
  require_intact((status & exponent_status) == 0, codec, ": the exponent is out of its range");
  require_intact((status & index_status) == 0, codec,
                 ": the indices do not ascend below count, or are not k");
  require_intact((status & shape_status) == 0, codec, ": a payload of shapes that were not due");
}

}  // namespace skimp
