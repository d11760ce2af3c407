// What a receiver does with a frame, in buffers of the exact size.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "codecs/frame.h"
#include "codecs/registry.h"

namespace {

using namespace skimp;

constexpr DType dtypes[] = {DType::float32, DType::float16, DType::bfloat16, DType::float64};

using Frame = std::vector<std::byte>;

/// What the receiver of a frame expects; counts come from it and never from the frame.
struct Expected {
  std::uint64_t count;
  DType dtype;
  double divisor = 1;
  bool add = false;
};

/// As skimp_decode: true when the frame was decoded, false when it was refused. Whatever else is
/// thrown ends the program.
bool decode(Bytes frame, const Expected& expected) {
  // Copies of the exact size, at any alignment, so that one byte too far is found.
  const std::size_t offset = frame.size() % 8;
  const auto copy = std::make_unique<std::byte[]>(offset + frame.size());
  std::copy(frame.begin(), frame.end(), copy.get() + offset);
  try {
    Bytes payload;
    const FrameHeader header = open_frame({copy.get() + offset, frame.size()}, payload);
    const CodecPtr codec = codec_from_header(header.codec, header.parameter);
    if (header.count != expected.count) return false;
    const auto dtype = static_cast<DType>(header.dtype);
    const DType output_dtype = expected.add ? accumulator_of(dtype) : expected.dtype;
    const std::uint64_t bytes = expected.count * bytes_of(output_dtype);
    const auto output = std::make_unique<std::byte[]>(bytes);
    codec->decode(payload, expected.count, dtype,
                  {output.get(), output_dtype, expected.add ? 1 : expected.divisor, expected.add});
    return true;
  } catch (const Error& error) {
    if (error.status() == SKIMP_CORRUPT_PAYLOAD) return false;
    std::fprintf(stderr, "status %d: %s\n", error.status(), error.what());
    std::abort();
  }
}

/// Makes the sums valid again, and the size, if the frame has a header at all.
void seal_again(Frame& frame, bool fix_size) {
  if (frame.size() < header_bytes) return;
  auto header = load<FrameHeader>(frame.data());
  const Bytes payload = Bytes(frame).subspan(header_bytes);
  if (fix_size) header.payload_bytes = payload.size();
  seal(header, payload);
  store(frame.data(), header);
}

}  // namespace
