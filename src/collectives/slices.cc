#include "collectives/slices.h"

#include <algorithm>

#include "collectives/stopwatch.h"

namespace skimp {

std::vector<std::uint64_t> make_borders(std::uint64_t count, int shards, std::uint64_t block) {
  const std::uint64_t blocks = divide_up(count, block);
  const auto parts = static_cast<std::uint64_t>(shards);
  std::vector<std::uint64_t> borders;
  for (std::uint64_t s = 0; s <= parts; ++s) {
    // ⌊s·blocks / parts⌋ without overflow.
    const std::uint64_t border = s * (blocks / parts) + s * (blocks % parts) / parts;
    borders.push_back(std::min(count, border * block));
  }
  return borders;
}

std::vector<Slice> make_slices(const CodecPtr& codec, const std::vector<std::uint64_t>& borders) {
  std::vector<Slice> slices;
  for (std::size_t s = 0; s + 1 < borders.size(); ++s) {
    slices.push_back(
        {codec->slice(borders[s], borders[s + 1], borders.back()), borders[s], borders[s + 1]});
  }
  return slices;
}

FrameHeader Coder::encode(Run& run, const Slice& slice, const Values& from, std::uint32_t lane,
                          MutableBytes payload) {
  const Stopwatch stopwatch(run.codec_seconds);
  const DType accumulator = accumulator_of(from.dtype);
  workspace_.reserve(slice.codec->workspace_bytes(slice.count(), from.dtype));
  EncodeJob job;
  job.input = element(from.values, from.dtype, slice.begin - from.first);
  job.dtype = from.dtype;
  job.count = slice.count();
  job.residual_in = element(from.residual_in, accumulator, slice.begin);
  job.residual_out = element(from.residual_out, accumulator, slice.begin);
  job.payload = payload.data();
  job.workspace = workspace_.data();
  job.random = {run.call, lane};
  job.first_element = slice.begin;
  const Encoded encoded = slice.codec->encode(job);
  run.nonfinite |= encoded.nonfinite;
  return describe(*slice.codec, from.dtype, slice.count(), encoded);
}

void Coder::decode(Run& run, const Slice& slice, const Frame& frame, DType dtype,
                   const Output& output) {
  const Stopwatch stopwatch(run.codec_seconds);
  const FrameHeader& header = frame.header;
  require_intact(header.count == slice.count() && header.dtype == static_cast<int>(dtype) &&
                     header.codec == static_cast<int>(slice.codec->id()) &&
                     header.parameter == slice.codec->parameter(slice.count()),
                 "from rank ", header.sender, ": a frame of ", header.count, " elements, codec ",
                 int{header.codec}, ", parameter ", header.parameter, " where ",
                 slice.codec->text(), " of ", slice.count(), " ", name_of(dtype),
                 " elements was due");
  run.nonfinite |= (header.flags & nonfinite_flag) != 0;
  try {
    slice.codec->decode(frame.payload, slice.count(), dtype, output);
  } catch (const Error& error) {
    fail(error.status(), "from rank ", header.sender, ": ", error.what());
  }
}

}  // namespace skimp
