#include "codecs/quantize/quantize.h"

#include "base/isa.h"
#include "codecs/blocks.h"
#include "codecs/quantize/block.h"
#include "codecs/quantize/kernels.h"
#include "device/library.h"

namespace skimp {
namespace {

enum class Rounding : std::uint8_t { nearest = 0, stochastic = 1 };

bool is_bits(std::uint64_t bits) { return bits == 8 || bits == 4 || bits == 3 || bits == 2; }

class Quantize final : public BlockCodec {
 public:
  Quantize(int bits, std::uint64_t block, Rounding rounding, std::uint64_t seed)
      : bits_(bits),
        largest_(quantize::largest_level(bits)),
        block_(block),
        rounding_(rounding),
        seed_(seed) {}

  CodecId id() const override { return CodecId::quantize; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = false,
            .sliceable = true,
            .blockwise = true,
            .contraction = rounding_ == Rounding::nearest,
            .unbiased = rounding_ == Rounding::stochastic};
  }
  std::string text() const override {
    const std::string shape = skimp::text("quantize(bits=", bits_, ",block=", block_);
    if (rounding_ == Rounding::nearest) return shape + ",rounding=nearest)";
    return skimp::text(shape, ",rounding=stochastic,seed=", seed_, ")");
  }
  std::uint64_t parameter(std::uint64_t) const override {
    return block_ | static_cast<std::uint64_t>(bits_) << 32 |
           static_cast<std::uint64_t>(rounding_) << 40;
  }
  std::uint64_t block() const override { return block_; }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return scales_bytes(count, block_, dtype) + quantize::planes_bytes(count, bits_);
  }

  Encoded encode(const EncodeJob& job) const override {
    const bool finite =
        visit_accumulator(job.dtype, [&](auto value) { return encode_as<decltype(value)>(job); });
    return {payload_bytes(job.payload_count(), job.dtype), !finite};
  }

  void decode_part(Bytes payload, const Part& part, DType dtype,
                   const Output& output) const override {
    require_payload_bytes("quantize", payload, payload_bytes(part.of, dtype));
    visit_accumulator(
        dtype, [&](auto value) { decode_as<decltype(value)>(payload, part, dtype, output); });
  }

  bool has_kernels() const override { return true; }

  void encode_on(const DeviceStream& stream, const EncodeJob& job,
                 DeviceStatus* status) const override {
    SKIMP_ON_DEVICE(skimp_cuda_quantize_encode, stream, job, kernel_arguments(), status);
  }

  void decode_on(const DeviceStream& stream, const DecodeJob& job,
                 DeviceStatus* status) const override {
    SKIMP_ON_DEVICE(skimp_cuda_quantize_decode, stream, job, kernel_arguments(), status);
  }

 private:
  QuantizeArguments kernel_arguments() const {
    return {bits_, block_, rounding_ == Rounding::stochastic, seed_};
  }

  template <class Value>
  bool encode_as(const EncodeJob& job) const {
    const quantize::Planes planes(
        job.payload + scales_bytes(job.payload_count(), block_, job.dtype), job.payload_count(),
        bits_);
    if (rounding_ == Rounding::nearest) {
      return encode_blocks<Value>(job, block_, quantize::NearestEncoder<Value>{largest_, planes});
    }
    const ElementWords words{seed_, job.random, job.first_element};
    return encode_blocks<Value>(job, block_,
                                quantize::StochasticEncoder<Value>{{largest_, planes}, words});
  }

  template <class Value>
  void decode_as(Bytes payload, const Part& part, DType dtype, const Output& output) const {
    const quantize::Planes planes(payload.data() + scales_bytes(part.of, block_, dtype), part.of,
                                  bits_);
    decode_blocks<Value>(payload, part, block_, output, "quantize",
                         quantize::Decoder<Value>{planes});
  }

  int bits_;
  int largest_;  ///< L, the largest level
  std::uint64_t block_;
  Rounding rounding_;
  std::uint64_t seed_;
};

}  // namespace

CodecPtr make_quantize(Arguments& arguments) {
  const std::uint64_t bits = arguments.take_integer("bits").value_or(8);
  require(is_bits(bits), "quantize: bits = ", bits, " is not one of 8, 4, 3, 2");
  const std::uint64_t block = arguments.take_block(256);
  const bool nearest = arguments.take_choice("rounding", {"nearest", "stochastic"}) == "nearest";
  const std::uint64_t seed = arguments.take_integer("seed").value_or(0);
  return std::make_shared<Quantize>(static_cast<int>(bits), block,
                                    nearest ? Rounding::nearest : Rounding::stochastic, seed);
}

CodecPtr quantize_from_parameter(std::uint64_t parameter) {
  const std::uint64_t block = parameter & 0xFFFFFFFFu;
  const std::uint64_t bits = parameter >> 32 & 0xFFu;
  const std::uint64_t rounding = parameter >> 40;
  require_block("quantize", block);
  require_intact(is_bits(bits), "quantize: bits = ", bits, " in the header");
  require_intact(rounding <= 1, "quantize: rounding = ", rounding, " in the header");
  return std::make_shared<Quantize>(static_cast<int>(bits), block, static_cast<Rounding>(rounding),
                                    0);
}

}  // namespace skimp
