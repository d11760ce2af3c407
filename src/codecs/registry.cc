#include "codecs/registry.h"

#include "codecs/arc_topk/arc_topk.h"
#include "codecs/arguments.h"
#include "codecs/dct/dct.h"
#include "codecs/float/float.h"
#include "codecs/identity/identity.h"
#include "codecs/lowrank/lowrank.h"
#include "codecs/natural/natural.h"
#include "codecs/quantize/quantize.h"
#include "codecs/random_k/random_k.h"
#include "codecs/sign/sign.h"
#include "codecs/ternary/ternary.h"
#include "codecs/topk/block_topk.h"
#include "codecs/topk/entries.h"
#include "codecs/topk/threshold.h"
#include "codecs/topk/topk.h"

namespace skimp {
namespace {

struct Row {
  const char* name;
  CodecId id;
  CodecPtr (*make)(Arguments&);
  CodecPtr (*from_parameter)(std::uint64_t);
};

constexpr Row rows[] = {
    {"identity", CodecId::identity, make_identity, identity_from_parameter},
    {"sign", CodecId::sign, make_sign, sign_from_parameter},
    {"quantize", CodecId::quantize, make_quantize, quantize_from_parameter},
    {"topk", CodecId::topk, make_topk, topk_from_parameter},
    {"random_k", CodecId::random_k, make_random_k, random_k_from_parameter},
    {"float", CodecId::float_, make_float, float_from_parameter},
    {"natural", CodecId::natural, make_natural, natural_from_parameter},
    {"ternary", CodecId::ternary, make_ternary, ternary_from_parameter},
    {"block_topk", CodecId::block_topk, make_block_topk, block_topk_from_parameter},
    {"threshold", CodecId::threshold, make_threshold, threshold_from_parameter},
    {"arc_topk", CodecId::arc_topk, make_arc_topk, arc_topk_from_parameter},
    {"dct", CodecId::dct, make_dct, dct_from_parameter},
    {"lowrank", CodecId::lowrank, make_lowrank, lowrank_from_parameter},
};

}  // namespace

CodecPtr codec_from_text(std::string_view text) {
  Arguments arguments(text);
  for (const Row& row : rows) {
    if (arguments.name() != row.name) continue;
    CodecPtr codec = row.make(arguments);
    arguments.finish();
    return codec;
  }
  fail(SKIMP_INVALID_ARGUMENT, "codec: '", arguments.name(), "' is none of ", codec_names());
}

CodecPtr codec_from_header(std::uint8_t id, std::uint64_t parameter) {
  for (const Row& row : rows) {
    if (static_cast<std::uint8_t>(row.id) == id) return row.from_parameter(parameter);
  }
  fail(SKIMP_CORRUPT_PAYLOAD, "frame: codec ", static_cast<int>(id), " is not known");
}

CodecPtr codec_of_frame(const FrameHeader& header, std::uint64_t count, DType wanted) {
  require(header.count == count, "decode: the frame has ", header.count, " elements, the output ",
          count);
  const auto encoded = static_cast<DType>(header.dtype);
  if (accumulator_of(wanted) != accumulator_of(encoded)) {
    fail(SKIMP_UNSUPPORTED_TYPE, "decode: a frame of ", name_of(encoded), " cannot be decoded to ",
         name_of(wanted));
  }
  return codec_from_header(header.codec, header.parameter);
}

const EntryCoding& exact_entry_coding(DType dtype) { return topk::exact_entries(dtype); }

const std::string& codec_names() {
  static const std::string names = [] {
    std::string all;
    for (const Row& row : rows) {
      if (!all.empty()) all += ' ';
      all += row.name;
    }
    return all;
  }();
  return names;
}

}  // namespace skimp
