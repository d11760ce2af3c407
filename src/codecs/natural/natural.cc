#include "codecs/natural/natural.h"

#include "base/isa.h"
#include "codecs/blocks.h"
#include "codecs/natural/block.h"

namespace skimp {
namespace {

enum class Rounding : std::uint8_t { nearest = 0, stochastic = 1 };

class Natural final : public BlockCodec {
 public:
  Natural(std::uint64_t block, Rounding rounding, std::uint64_t seed)
      : block_(block), rounding_(rounding), seed_(seed) {}

  CodecId id() const override { return CodecId::natural; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = false,
            .sliceable = true,
            .blockwise = true,
            .contraction = true,
            .unbiased = rounding_ == Rounding::stochastic};
  }
  std::string text() const override {
    const std::string shape = skimp::text("natural(block=", block_);
    if (rounding_ == Rounding::nearest) return shape + ",rounding=nearest)";
    return skimp::text(shape, ",rounding=stochastic,seed=", seed_, ")");
  }
  std::uint64_t parameter(std::uint64_t) const override {
    return block_ | static_cast<std::uint64_t>(rounding_) << 32;
  }
  std::uint64_t block() const override { return block_; }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return scales_bytes(count, block_, dtype) + count;
  }

  Encoded encode(const EncodeJob& job) const override {
    const bool finite =
        visit_accumulator(job.dtype, [&](auto value) { return encode_as<decltype(value)>(job); });
    return {payload_bytes(job.payload_count(), job.dtype), !finite};
  }

  void decode_part(Bytes payload, const Part& part, DType dtype,
                   const Output& output) const override {
    require_payload_bytes("natural", payload, payload_bytes(part.of, dtype));
    const std::byte* codes = payload.data() + scales_bytes(part.of, block_, dtype);
    visit_accumulator(dtype, [&](auto value) {
      using Value = decltype(value);
      decode_blocks<Value>(payload, part, block_, output, "natural",
                           natural::Decoder<Value>{codes});
    });
  }

 private:
  template <class Value>
  bool encode_as(const EncodeJob& job) const {
    std::byte* codes = job.payload + scales_bytes(job.payload_count(), block_, job.dtype);
    if (rounding_ == Rounding::nearest) {
      return encode_blocks<Value>(job, block_, natural::NearestEncoder<Value>{{codes}});
    }
    const ElementWords words{seed_, job.random, job.first_element};
    return encode_blocks<Value>(job, block_, natural::StochasticEncoder<Value>{{codes}, words});
  }

  std::uint64_t block_;
  Rounding rounding_;
  std::uint64_t seed_;
};

}  // namespace

CodecPtr make_natural(Arguments& arguments) {
  const std::uint64_t block = arguments.take_block(2048);
  const bool nearest = arguments.take_choice("rounding", {"nearest", "stochastic"}) == "nearest";
  const std::uint64_t seed = arguments.take_integer("seed").value_or(0);
  return std::make_shared<Natural>(block, nearest ? Rounding::nearest : Rounding::stochastic, seed);
}

CodecPtr natural_from_parameter(std::uint64_t parameter) {
  const std::uint64_t block = parameter & 0xFFFFFFFFu;
  const std::uint64_t rounding = parameter >> 32;
  require_block("natural", block);
  require_intact(rounding <= 1, "natural: rounding = ", rounding, " in the header");
  return std::make_shared<Natural>(block, static_cast<Rounding>(rounding), 0);
}

}  // namespace skimp
