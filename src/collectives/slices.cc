#include "collectives/slices.h"

#include <algorithm>

#include "codecs/entries.h"
#include "collectives/device_queue.h"
#include "collectives/stopwatch.h"

namespace skimp {
namespace {

void require_frame_of(const Slice& slice, const FrameHeader& header, DType dtype) {
  require_intact(header.count == slice.count() && header.dtype == static_cast<int>(dtype) &&
                     header.codec == static_cast<int>(slice.codec->id()) &&
                     header.parameter == slice.codec->parameter(slice.count()),
                 "from rank ", header.sender, ": a frame of ", header.count, " elements, codec ",
                 int{header.codec}, ", parameter ", header.parameter, " where ",
                 slice.codec->text(), " of ", slice.count(), " ", name_of(dtype),
                 " elements was due");
}

/// Calls read(), which reads the frame's payload; its errors say whose that is.
template <class Read>
void read_frame(Run& run, const Frame& frame, Read&& read) {
  const Stopwatch stopwatch(run.codec_seconds);
  run.nonfinite |= (frame.header.flags & nonfinite_flag) != 0;
  try {
    read();
  } catch (const Error& error) {
    fail(error.status(), "from rank ", frame.header.sender, ": ", error.what());
  }
}

}  // namespace

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

std::string refuses_borders(const CodecPtr& codec, const std::vector<std::uint64_t>& borders) {
  if (!codec->traits().sliceable) return "cannot cut " + codec->text() + " into shards";
  for (std::size_t s = 0; s + 1 < borders.size(); ++s) {
    const std::uint64_t begin = borders[s], end = borders[s + 1];
    if (begin == end || codec->slice(begin, end, borders.back())->kept(end - begin) > 0) continue;
    return text("would never send any of elements ", begin, " to ", end - 1,
                ", whose share of the ", codec->kept(borders.back()), " that ", codec->text(),
                " keeps is none");
  }
  return "";
}

std::uint64_t Shard::frame_bytes(DType dtype) const {
  std::uint64_t bytes = 0;
  for (const Slice& slice : segments) bytes += header_bytes + slice.payload_bytes(dtype);
  return bytes;
}

std::uint64_t Shard::largest_segment() const {
  std::uint64_t largest = 0;
  for (const Slice& slice : segments) largest = std::max(largest, slice.count());
  return largest;
}

std::vector<Shard> make_shards(const CodecPtr& codec, const std::vector<std::uint64_t>& borders,
                               std::uint64_t block, std::uint64_t segment) {
  const bool cut = segment > 0 && codec->traits().blockwise;
  std::vector<Shard> shards;
  for (std::size_t s = 0; s + 1 < borders.size(); ++s) {
    Shard& shard = shards.emplace_back(Shard{borders[s], borders[s + 1], {}});
    // A segment of 2^64 − 1 in whole blocks would be 0.
    const bool whole = !cut || segment >= shard.count();
    const std::uint64_t step = whole ? shard.count() : divide_up(segment, block) * block;
    for (std::uint64_t begin = shard.begin; begin < shard.end; begin += step) {
      const std::uint64_t end = shard.end - begin < step ? shard.end : begin + step;
      shard.segments.push_back({codec->slice(begin, end, borders.back()), begin, end});
    }
  }
  return shards;
}

std::size_t most_segments(const std::vector<Shard>& shards) {
  std::size_t most = 0;
  for (const Shard& shard : shards) most = std::max(most, shard.segments.size());
  return most;
}

PayloadRoom::PayloadRoom(const Shard& shard, DType dtype, const PayloadPlace& place) : begins_{0} {
  for (const Slice& slice : shard.segments) {
    begins_.push_back(begins_.back() + divide_up(slice.payload_bytes(dtype), 64) * 64);
  }
  memory_ = PayloadMemory(begins_.back(), place);
}

MutableBytes room_to_send(const Run& run, MutableBytes own, std::span<const int> readers) {
  if (run.queue != nullptr) return own;
  const MutableBytes lent = run.messenger.lend(own.size(), readers);
  return lent.empty() ? own : lent;
}

Messenger::Check check_to_decode(const Run& run) {
  return run.queue == nullptr ? Messenger::Check::in_place : Messenger::Check::here;
}

void Coder::encode(Run& run, const Slice& slice, const Part& part, const Values& from,
                   std::uint32_t lane, MutableBytes payload, FrameHeader& header) {
  const Stopwatch stopwatch(run.codec_seconds);
  const DType accumulator = accumulator_of(from.dtype);
  const std::uint64_t begin = slice.begin + part.begin;
  EncodeJob job;
  job.input = element(from.values, from.dtype, begin - from.first);
  job.dtype = from.dtype;
  job.count = part.count;
  job.part = part;
  job.residual_in = element(from.residual_in, accumulator, begin);
  job.residual_out = element(from.residual_out, accumulator, begin);
  job.addends = from.addends;
  job.memory_in = from.memory_in;
  job.memory_out = from.memory_out;
  job.random = {run.call, lane};
  job.first_element = slice.begin;
  job.streamed = from.streamed;
  if (run.queue != nullptr) return encode_on(*run.queue, *slice.codec, job, payload, header);
  workspace_.reserve(slice.codec->workspace_bytes(slice.count(), from.dtype));
  job.payload = payload.data();
  job.workspace = workspace_.data();
  const Encoded encoded = slice.codec->encode(job);
  run.nonfinite |= encoded.nonfinite;
  run.guess_hits += encoded.guess == Guess::hit;
  run.guess_misses += encoded.guess == Guess::missed;
  header = describe(*slice.codec, from.dtype, slice.count(), encoded);
}

void Coder::encode_on(DeviceQueue& queue, const Codec& codec, EncodeJob job, MutableBytes payload,
                      FrameHeader& header) {
  const Encoded encoded{.bytes = codec.payload_bytes(job.count, job.dtype)};
  const bool stays = queue.keeps_payloads();
  job.workspace = workspace_on(queue, stays ? 0 : encoded.bytes,
                               codec.device_workspace_bytes(job.count, job.dtype).encode);
  job.payload = stays ? payload.data() : on_device_.data();
  header = describe(codec, job.dtype, job.count, encoded);
  codec.encode_on(queue.stream(), job, queue.word_for(header));
  if (stays) {
    queue.sum(header, payload.first(encoded.bytes));
  } else {
    queue.copy(payload.data(), job.payload, encoded.bytes);
  }
}

void Coder::decode_on(DeviceQueue& queue, const Codec& codec, const Frame& frame, DecodeJob job) {
  require_payload_bytes(codec.text(), frame.payload, codec.payload_bytes(job.count, job.dtype));
  const bool stays = queue.keeps_payloads();
  job.workspace = workspace_on(queue, stays ? 0 : frame.payload.size(),
                               codec.device_workspace_bytes(job.count, job.dtype).decode);
  job.payload = stays ? frame.payload.data() : on_device_.data();
  if ((frame.header.flags & apart_flag) != 0) {
    queue.check(frame.header, frame.payload);
  } else if (!stays) {
    queue.copy(on_device_.data(), frame.payload.data(), frame.payload.size());
  }
  codec.decode_on(queue.stream(), job, queue.word_for(codec, frame.header.sender));
}

/// Makes room for a payload on the device, and behind it for the workspace that this returns. It
/// grows in first runs only, once nothing that is queued uses what was there.
std::byte* Coder::workspace_on(DeviceQueue& queue, std::uint64_t payload_bytes,
                               std::uint64_t workspace_bytes) {
  const std::uint64_t begin = divide_up(payload_bytes, 64) * 64;
  if (begin + workspace_bytes > on_device_.bytes()) {
    queue.drain();
    on_device_ = PlacedMemory(begin + workspace_bytes, queue.stream().device);
  }
  return on_device_.data() + begin;
}

void Coder::decode(Run& run, const Slice& slice, const Part& part, const Frame& frame, DType dtype,
                   const Output& output) {
  require_frame_of(slice, frame.header, dtype);
  decode(run, *slice.codec, part, frame, output);
}

void Coder::decode(Run& run, const Codec& codec, const Part& part, const Frame& frame,
                   const Output& output) {
  read_frame(run, frame, [&] {
    const auto dtype = static_cast<DType>(frame.header.dtype);
    if (run.queue != nullptr) {
      const DecodeJob job{.count = part.of, .dtype = dtype, .output = output};
      decode_on(*run.queue, codec, frame, job);
    } else {
      codec.decode_part(frame.payload, part, dtype, output);
    }
  });
}

Addends::List Coder::read_entries(Run& run, const Slice& slice, const Frame& frame, DType dtype,
                                  EntryRoom& room) {
  require_frame_of(slice, frame.header, dtype);
  const EntryCoding& coding = *slice.codec->entry_coding();
  std::uint64_t n = 0;
  read_frame(run, frame, [&] {
    n = coding.entries_of(frame.header.parameter, frame.payload, slice.codec->kept(slice.count()));
    room.indices.reserve(n * sizeof(std::uint64_t));
    room.values.reserve(n * bytes_of(accumulator_of(dtype)));
    coding.decode(frame.payload, n, slice.count(), dtype, room.indices.as<std::uint64_t>(),
                  room.values.data());
  });
  return {room.indices.as<std::uint64_t>(), room.values.data(), n};
}

}  // namespace skimp
