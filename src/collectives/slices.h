/// \file
/// Shards of an array, and the codec that each is sent with.
#pragma once

#include <vector>

#include "codecs/codec.h"
#include "collectives/algorithm.h"
#include "device/buffer.h"

namespace skimp {

/// Elements begin … end of an array, and their codec.
struct Slice {
  CodecPtr codec;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  std::uint64_t count() const { return end - begin; }
  bool empty() const { return begin == end; }
  std::uint64_t payload_bytes(DType dtype) const { return codec->payload_bytes(count(), dtype); }
};

/// The borders of `shards` shards of whole blocks, as even as possible: shard s is borders[s] …
/// borders[s + 1]. Shards of a small array may be empty.
std::vector<std::uint64_t> make_borders(std::uint64_t count, int shards, std::uint64_t block);

/// One slice a shard.
std::vector<Slice> make_slices(const CodecPtr& codec, const std::vector<std::uint64_t>& borders);

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
    std::uint64_t first = 0;  ///< the element of the whole array that values begins with
  };

  /// Encodes into `payload` and returns the header for Messenger::stamp.
  FrameHeader encode(Run& run, const Slice& slice, const Values& from, std::uint32_t lane,
                     MutableBytes payload);

  /// Decodes a frame that must be one of `slice` encoded from `dtype`. `output.data` is the place
  /// of the slice's first element.
  void decode(Run& run, const Slice& slice, const Frame& frame, DType dtype, const Output& output);

 private:
  Buffer workspace_;
};

/// The values of a run: its input and residuals.
inline Coder::Values values_of(const Run& run, const Call& call) {
  return {run.input, call.dtype, run.residual_in, run.residual_out, 0};
}

/// The place of element i of an array of `dtype`; null stays null.
inline const void* element(const void* array, DType dtype, std::uint64_t i) {
  return array == nullptr ? nullptr : static_cast<const std::byte*>(array) + i * bytes_of(dtype);
}
inline void* element(void* array, DType dtype, std::uint64_t i) {
  return array == nullptr ? nullptr : static_cast<std::byte*>(array) + i * bytes_of(dtype);
}

}  // namespace skimp
