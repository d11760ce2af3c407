/// \file
/// The table of codecs: the one place that knows them all.
#pragma once

#include <string>
#include <string_view>

#include "codecs/codec.h"

namespace skimp {

/// "topk(density=0.01)" → the codec. Throws InvalidArgument.
CodecPtr codec_from_text(std::string_view text);

/// The codec that reads a frame with these header fields. Throws CorruptPayload.
CodecPtr codec_from_header(std::uint8_t id, std::uint64_t parameter);

/// All names, separated by spaces.
const std::string& codec_names();

}  // namespace skimp
