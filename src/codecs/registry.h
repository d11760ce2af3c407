/// \file
/// The table of codecs: the one place that knows them all.
#pragma once

#include <string>
#include <string_view>

#include "codecs/codec.h"
#include "codecs/entries.h"
#include "codecs/frame.h"

namespace skimp {

/// "topk(density=0.01)" → the codec. Throws InvalidArgument.
CodecPtr codec_from_text(std::string_view text);

/// The codec that reads a frame with these header fields. Throws CorruptPayload.
CodecPtr codec_from_header(std::uint8_t id, std::uint64_t parameter);

/// The codec that reads a frame's `count` elements into an output of type `wanted`. Throws
/// InvalidArgument for another count, UnsupportedType when only one of the two types is float64.
CodecPtr codec_of_frame(const FrameHeader& header, std::uint64_t count, DType wanted);

/// The coding of entries that keeps every bit of values of the accumulator's type: for sums.
const EntryCoding& exact_entry_coding(DType dtype);

/// All names, separated by spaces.
const std::string& codec_names();

}  // namespace skimp
