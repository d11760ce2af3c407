#include "codecs/float/float.h"

#include "base/isa.h"
#include "codecs/blocks.h"
#include "codecs/float/block.h"

namespace skimp {
namespace {

using floats::Format;

/// Calls visitor(coding, value) with the format's Coding and the accumulator type of `dtype`.
template <class Visitor>
decltype(auto) visit(Format format, DType dtype, Visitor&& visitor) {
  return floats::visit_format(format, [&](auto coding) {
    return visit_accumulator(dtype, [&](auto value) { return visitor(coding, value); });
  });
}

class Float final : public BlockCodec {
 public:
  Float(Format format, std::uint64_t block) : format_(format), block_(block) {}

  CodecId id() const override { return CodecId::float_; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = false,
            .sliceable = true,
            .blockwise = true,
            .contraction = true,
            .unbiased = false};
  }
  std::string text() const override {
    return skimp::text("float(format=", floats::name_of(format_), ",block=", block_, ")");
  }
  std::uint64_t parameter(std::uint64_t) const override {
    return block_ | static_cast<std::uint64_t>(format_) << 32;
  }
  std::uint64_t block() const override { return block_; }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return scales_bytes(count, block_, dtype) + count * floats::bytes_of(format_);
  }

  Encoded encode(const EncodeJob& job) const override {
    std::byte* codes = job.payload + scales_bytes(job.payload_count(), block_, job.dtype);
    const bool finite = visit(format_, job.dtype, [&](auto coding, auto value) {
      using Encoder = floats::Encoder<decltype(coding), decltype(value)>;
      return encode_blocks<decltype(value)>(job, block_, Encoder{codes});
    });
    return {payload_bytes(job.payload_count(), job.dtype), !finite};
  }

  void decode_part(Bytes payload, const Part& part, DType dtype,
                   const Output& output) const override {
    require_payload_bytes("float", payload, payload_bytes(part.of, dtype));
    const std::byte* codes = payload.data() + scales_bytes(part.of, block_, dtype);
    visit(format_, dtype, [&](auto coding, auto value) {
      using Decoder = floats::Decoder<decltype(coding), decltype(value)>;
      decode_blocks<decltype(value)>(payload, part, block_, output, "float", Decoder{codes});
    });
  }

 private:
  Format format_;
  std::uint64_t block_;
};

}  // namespace

CodecPtr make_float(Arguments& arguments) {
  const std::string name = arguments.take_choice("format", {"e4m3", "e5m2", "float16", "bfloat16"});
  const std::uint64_t block = arguments.take_block(2048);
  for (const Format format : {Format::e5m2, Format::float16, Format::bfloat16}) {
    if (name == floats::name_of(format)) return std::make_shared<Float>(format, block);
  }
  return std::make_shared<Float>(Format::e4m3, block);
}

CodecPtr float_from_parameter(std::uint64_t parameter) {
  const std::uint64_t block = parameter & 0xFFFFFFFFu;
  const std::uint64_t format = parameter >> 32;
  require_block("float", block);
  require_intact(format <= 3, "float: format = ", format, " in the header");
  return std::make_shared<Float>(static_cast<Format>(format), block);
}

}  // namespace skimp
