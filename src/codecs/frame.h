/// \file
/// Frames: a 64-byte header in front of a payload. docs/wire_format.md draws it byte by byte.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/dtype.h"
#include "codecs/codec.h"

namespace skimp {

inline constexpr std::uint32_t frame_magic = 0x504D4B53u;  // "SKMP"
inline constexpr std::uint8_t frame_version = 1;

enum class FrameKind : std::uint8_t {
  data = 1,       ///< a codec's payload
  agreement = 2,  ///< the text of a plan, compared before its first run
  error = 3,      ///< status (4 bytes) and message of the failure that ended the sender's call
};

/// The header as it lies in memory and on the wire.
struct FrameHeader {
  std::uint32_t magic = frame_magic;
  std::uint8_t version = frame_version;
  FrameKind kind = FrameKind::data;
  std::uint8_t codec = 0;
  std::uint8_t dtype = 0;
  std::uint16_t flags = 0;  ///< nonfinite_flag, apart_flag, arena_flag
  std::uint16_t round = 0;  ///< which exchange of the call
  std::uint32_t sender = 0;
  std::uint64_t count = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t parameter = 0;
  std::uint64_t fingerprint = 0;  ///< of the plan's text; 0 outside a collective
  std::uint64_t sequence = 0;     ///< of the call on its communicator
  std::uint32_t payload_sum = 0;
  std::uint32_t header_sum = 0;  ///< over all that is before it
};
static_assert(sizeof(FrameHeader) == 64);

inline constexpr std::uint64_t header_bytes = sizeof(FrameHeader);
inline constexpr std::uint16_t nonfinite_flag = 1;  ///< some value was NaN or Inf
inline constexpr std::uint16_t apart_flag = 2;  ///< the payload goes from device to device instead
inline constexpr std::uint16_t arena_flag = 4;  ///< its place in an arena comes instead

/// Whether the payload follows the header.
inline bool has_payload(const FrameHeader& header) {
  return (header.flags & (apart_flag | arena_flag)) == 0;
}

/// No memory holds more elements; sizes computed from a count up to it cannot overflow.
inline constexpr std::uint64_t largest_count = std::uint64_t{1} << 60;

/// Sets codec, dtype, count, parameter, payload_bytes and the flags from an encode.
FrameHeader describe(const Codec& codec, DType dtype, std::uint64_t count, const Encoded& encoded);

/// Sets both sums. The header has its own because it travels ahead of a large payload.
void seal(FrameHeader& header, Bytes payload);

/// The same where the payload's sum is there already, or its sum_of_products (base/checksum.h).
void seal(FrameHeader& header);
void seal(FrameHeader& header, std::uint64_t products);

/// Reads and checks a header: its sum, magic, version, kind, dtype, count and flags.
FrameHeader read_header(Bytes bytes);

/// Throws CorruptPayload unless the header's payload sum is that of `payload`, or what follows from
/// the payload's sum_of_products.
void check_payload(const FrameHeader& header, Bytes payload);
void check_payload(const FrameHeader& header, std::uint64_t products);

/// The codec that reads a payload with what `codec`, which the header names, says of it; the
/// payload has the bytes that this asks for, at which kernels do not look. Throws CorruptPayload.
CodecPtr codec_of_payload(const Codec& codec, const FrameHeader& header, Bytes payload);

/// Encodes a whole frame into `frame` and returns its bytes; job.payload is set by this function.
std::uint64_t encode_frame(const Codec& codec, EncodeJob job, MutableBytes frame);

/// Checks a stand-alone frame from end to end; sets `payload` to its part of `frame`.
FrameHeader open_frame(Bytes frame, Bytes& payload);

}  // namespace skimp
