/// \file
/// Shards of an array, and the codec that each is sent with.
#pragma once

#include <string>
#include <vector>

#include "codecs/codec.h"
#include "collectives/algorithm.h"
#include "device/buffer.h"
#include "device/placed.h"

namespace skimp {

/// Elements begin … end of an array, and their codec.
struct Slice {
  CodecPtr codec;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  std::uint64_t count() const { return end - begin; }
  Part all() const { return {0, count(), count()}; }
  bool empty() const { return begin == end; }
  std::uint64_t payload_bytes(DType dtype) const { return codec->payload_bytes(count(), dtype); }
};

/// The borders of `shards` shards of whole blocks, as even as possible: shard s is borders[s] …
/// borders[s + 1]. Shards of a small array may be empty.
std::vector<std::uint64_t> make_borders(std::uint64_t count, int shards, std::uint64_t block);

/// Why a codec cannot be cut at these borders: some shard's share of what it keeps is nothing, so
/// that feedback would pile up there and never be sent. "" when it can.
std::string refuses_borders(const CodecPtr& codec, const std::vector<std::uint64_t>& borders);

/// What one rank owns, in the segments in which it travels: encoding one, sending the one before
/// and decoding the one before that take place at the same time. Only blockwise codecs are cut,
/// whose values do not depend on it. An empty shard has no segments.
struct Shard {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::vector<Slice> segments;

  std::uint64_t count() const { return end - begin; }
  /// Bytes of its frames, headers included.
  std::uint64_t frame_bytes(DType dtype) const;
  /// Elements of its largest segment.
  std::uint64_t largest_segment() const;
};

/// The shards between borders; segments have `segment` elements, or a few more: whole blocks.
std::vector<Shard> make_shards(const CodecPtr& codec, const std::vector<std::uint64_t>& borders,
                               std::uint64_t block, std::uint64_t segment);

/// Segments of the shard that has most.
std::size_t most_segments(const std::vector<Shard>& shards);

/// Room for the payloads of a shard's segments.
class PayloadRoom {
 public:
  PayloadRoom() = default;
  PayloadRoom(const Shard& shard, DType dtype, const PayloadPlace& place);
  MutableBytes operator[](std::size_t segment) const {
    return memory_.span().subspan(begins_[segment], begins_[segment + 1] - begins_[segment]);
  }

 private:
  std::vector<std::uint64_t> begins_;
  PayloadMemory memory_;
};

/// Where to write a payload that exactly these ranks of the messenger will be sent: lent where they
/// read it, or `own`. On a device `own`, since it reads and writes later than this host believes.
MutableBytes room_to_send(const Run& run, MutableBytes own, std::span<const int> readers);

/// How to expect a payload that is decoded from wherever it came to, and then released.
Messenger::Check check_to_decode(const Run& run);

/// Encodes slices of a run's values (or of a sum) and decodes received ones, with the workspace
/// that this takes, counting the time and what was not finite.
class Coder {
 public:
  /// Where an encode reads and what it leaves. Residuals are those of the whole array.
  struct Values {
    const void* values = nullptr;
    DType dtype = DType::float32;
    const void* residual_in = nullptr;
    void* residual_out = nullptr;
    const Addends* addends = nullptr;  ///< to those of the slice, see EncodeJob
    const void* memory_in = nullptr;   ///< for codecs that are not cut into slices
    void* memory_out = nullptr;
    std::uint64_t first = 0;  ///< the element of the whole array that values begins with
    bool streamed = false;    ///< the array is too large for the cache
  };

  /// Encodes into `payload`, room of the call's payload place, and sets the header for
  /// Messenger::stamp. Of values on a device both are complete once settled (place.h), until when
  /// the header must stay where it is.
  void encode(Run& run, const Slice& slice, const Values& from, std::uint32_t lane,
              MutableBytes payload, FrameHeader& header) {
    encode(run, slice, slice.all(), from, lane, payload, header);
  }

  /// The same for a part of the slice. Its header is complete with the last part.
  void encode(Run& run, const Slice& slice, const Part& part, const Values& from,
              std::uint32_t lane, MutableBytes payload, FrameHeader& header);

  /// Decodes a frame that must be one of `slice` encoded from `dtype`. `output.data` is the place
  /// of the slice's first element.
  void decode(Run& run, const Slice& slice, const Frame& frame, DType dtype, const Output& output) {
    decode(run, slice, slice.all(), frame, dtype, output);
  }

  /// The same for a part of the slice, whose first element `output.data` is the place of.
  void decode(Run& run, const Slice& slice, const Part& part, const Frame& frame, DType dtype,
              const Output& output);

  struct EntryRoom {
    Buffer indices;
    Buffer values;
  };

  /// Reads the entries of such a frame, of a codec that has an entry coding, to `room`.
  static Addends::List read_entries(Run& run, const Slice& slice, const Frame& frame, DType dtype,
                                    EntryRoom& room);

  /// Decodes a frame that `codec` is known to be that of. It lives until the run is settled.
  void decode(Run& run, const Codec& codec, const Frame& frame, const Output& output) {
    const std::uint64_t count = frame.header.count;
    decode(run, codec, Part{0, count, count}, frame, output);
  }

 private:
  void decode(Run& run, const Codec& codec, const Part& part, const Frame& frame,
              const Output& output);
  void encode_on(DeviceQueue& queue, const Codec& codec, EncodeJob job, MutableBytes payload,
                 FrameHeader& header);
  void decode_on(DeviceQueue& queue, const Codec& codec, const Frame& frame, DecodeJob job);
  std::byte* workspace_on(DeviceQueue& queue, std::uint64_t payload_bytes,
                          std::uint64_t workspace_bytes);

  Buffer workspace_;
  PlacedMemory on_device_;  ///< a payload, unless it stays where it is, and a workspace, one
                            ///< task's after the other's
};

/// The values of a run: its input and residuals.
inline Coder::Values values_of(const Run& run, const Call& call) {
  return {.values = run.input,
          .dtype = call.dtype,
          .residual_in = run.residual_in,
          .residual_out = run.residual_out,
          .memory_in = run.memory_in,
          .memory_out = run.memory_out,
          .streamed = is_streamed(call)};
}

/// The place of element i of an array of `dtype`; null stays null.
inline const void* element(const void* array, DType dtype, std::uint64_t i) {
  return array == nullptr ? nullptr : static_cast<const std::byte*>(array) + i * bytes_of(dtype);
}
inline void* element(void* array, DType dtype, std::uint64_t i) {
  return array == nullptr ? nullptr : static_cast<std::byte*>(array) + i * bytes_of(dtype);
}

}  // namespace skimp
