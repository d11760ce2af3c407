#include "codecs/frame.h"

#include "base/checksum.h"

namespace skimp {
namespace {

std::uint32_t sum_of(std::uint64_t products, std::uint64_t bytes) {
  return static_cast<std::uint32_t>(finish_checksum(products, bytes));
}

std::uint32_t sum_of(Bytes bytes) { return static_cast<std::uint32_t>(checksum(bytes)); }

std::uint32_t sum_of(const FrameHeader& header) {
  return sum_of({reinterpret_cast<const std::byte*>(&header), offsetof(FrameHeader, header_sum)});
}

void check_sum(const FrameHeader& header, std::uint32_t sum) {
  require_intact(header.payload_sum == sum, "frame: payload sum ", header.payload_sum,
                 " is not that of its bytes, ", sum);
}

}  // namespace

FrameHeader describe(const Codec& codec, DType dtype, std::uint64_t count, const Encoded& encoded) {
  FrameHeader header;
  header.codec = static_cast<std::uint8_t>(codec.id());
  header.dtype = static_cast<std::uint8_t>(dtype);
  header.flags = encoded.nonfinite ? nonfinite_flag : 0;
  header.count = count;
  header.payload_bytes = encoded.bytes;
  header.parameter = codec.parameter(count);
  return header;
}

void seal(FrameHeader& header, Bytes payload) {
  header.payload_sum = sum_of(payload);
  seal(header);
}

void seal(FrameHeader& header, std::uint64_t products) {
  header.payload_sum = sum_of(products, header.payload_bytes);
  seal(header);
}

void seal(FrameHeader& header) { header.header_sum = sum_of(header); }

FrameHeader read_header(Bytes bytes) {
  require_intact(bytes.size() >= header_bytes, "frame: ", bytes.size(),
                 " bytes are fewer than a header's ", header_bytes);
  const auto header = load<FrameHeader>(bytes.data());
  require_intact(header.magic == frame_magic, "frame: does not begin with SKMP");
  require_intact(header.version == frame_version, "frame: version ", int{header.version},
                 ", this library reads version ", int{frame_version});
  require_intact(header.header_sum == sum_of(header), "frame: header sum ", header.header_sum,
                 " is not that of its bytes, ", sum_of(header));
  const int kind = static_cast<int>(header.kind);
  require_intact(kind >= 1 && kind <= 3, "frame: kind ", kind, " is not known");
  if (header.kind == FrameKind::data) {
    require_intact(is_dtype(header.dtype), "frame: dtype ", int{header.dtype}, " is not known");
  }
  require_intact(header.count <= largest_count, "frame: count ", header.count, " exceeds ",
                 largest_count);
  require_intact((header.flags & ~(nonfinite_flag | apart_flag | arena_flag)) == 0, "frame: flags ",
                 header.flags, " are not known");
  require_intact(has_payload(header) || header.kind == FrameKind::data, "frame: kind ", kind,
                 " cannot have its payload elsewhere");
  return header;
}

void check_payload(const FrameHeader& header, Bytes payload) { check_sum(header, sum_of(payload)); }

void check_payload(const FrameHeader& header, std::uint64_t products) {
  check_sum(header, sum_of(products, header.payload_bytes));
}

CodecPtr codec_of_payload(const Codec& codec, const FrameHeader& header, Bytes payload) {
  CodecPtr reading = codec.reading(payload, header.count);
  if (!reading->traits().fixed_size) return reading;
  std::uint64_t expected = 0;
  try {
    expected = reading->payload_bytes(header.count, static_cast<DType>(header.dtype));
  } catch (const Error& error) {
    // What a codec cannot encode (k exceeds count) nobody has.
    fail(SKIMP_CORRUPT_PAYLOAD, error.what());
  }
  require_payload_bytes(reading->text(), payload, expected);
  return reading;
}

std::uint64_t encode_frame(const Codec& codec, EncodeJob job, MutableBytes frame) {
  const std::uint64_t needed = header_bytes + codec.payload_bytes(job.count, job.dtype);
  require(frame.size() >= needed, "encode: the frame needs ", needed, " bytes, capacity is ",
          frame.size());
  job.payload = frame.data() + header_bytes;
  const Encoded encoded = codec.encode(job);
  FrameHeader header = describe(codec, job.dtype, job.count, encoded);
  seal(header, {job.payload, encoded.bytes});
  store(frame.data(), header);
  return header_bytes + encoded.bytes;
}

FrameHeader open_frame(Bytes frame, Bytes& payload) {
  const FrameHeader header = read_header(frame);
  require_intact(header.kind == FrameKind::data && has_payload(header), "frame: kind ",
                 static_cast<int>(header.kind), ", flags ", header.flags,
                 ": its payload is not with it");
  require_intact(header.payload_bytes == frame.size() - header_bytes, "frame: header tells of ",
                 header.payload_bytes, " payload bytes, ", frame.size() - header_bytes,
                 " are there");
  payload = frame.subspan(header_bytes);
  check_payload(header, payload);
  return header;
}

}  // namespace skimp
