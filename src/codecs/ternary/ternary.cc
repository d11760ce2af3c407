#include "codecs/ternary/ternary.h"

#include "base/isa.h"
#include "codecs/blocks.h"
#include "codecs/ternary/block.h"

namespace skimp {
namespace {

class Ternary final : public BlockCodec {
 public:
  explicit Ternary(std::uint64_t block) : block_(block) {}

  CodecId id() const override { return CodecId::ternary; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = false,
            .sliceable = true,
            .blockwise = true,
            .contraction = true,
            .unbiased = false};
  }
  std::string text() const override { return skimp::text("ternary(block=", block_, ")"); }
  std::uint64_t parameter(std::uint64_t) const override { return block_; }
  std::uint64_t block() const override { return block_; }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return scales_bytes(count, block_, dtype) + ternary::array_bytes(count, block_);
  }

  Encoded encode(const EncodeJob& job) const override {
    std::byte* bytes = job.payload + scales_bytes(job.payload_count(), block_, job.dtype);
    const bool finite = visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      return encode_blocks<Value>(job, block_, ternary::Encoder<Value>{bytes, block_});
    });
    return {payload_bytes(job.payload_count(), job.dtype), !finite};
  }

  void decode_part(Bytes payload, const Part& part, DType dtype,
                   const Output& output) const override {
    require_payload_bytes("ternary", payload, payload_bytes(part.of, dtype));
    const std::byte* bytes = payload.data() + scales_bytes(part.of, block_, dtype);
    visit_accumulator(dtype, [&](auto value) {
      using Value = decltype(value);
      decode_blocks<Value>(payload, part, block_, output, "ternary",
                           ternary::Decoder<Value>{bytes, block_});
    });
  }

 private:
  std::uint64_t block_;
};

}  // namespace

CodecPtr make_ternary(Arguments& arguments) {
  return std::make_shared<Ternary>(arguments.take_block(2048));
}

CodecPtr ternary_from_parameter(std::uint64_t parameter) {
  require_block("ternary", parameter);
  return std::make_shared<Ternary>(parameter);
}

}  // namespace skimp
