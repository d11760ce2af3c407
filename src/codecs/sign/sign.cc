#include "codecs/sign/sign.h"

#include "codecs/blocks.h"
#include "codecs/registry.h"
#include "codecs/sign/block.h"
#include "codecs/sign/kernels.h"
#include "device/library.h"

namespace skimp {
namespace {

class Sign final : public BlockCodec {
 public:
  explicit Sign(std::uint64_t block) : block_(block) {}

  CodecId id() const override { return CodecId::sign; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = false,
            .sliceable = true,
            .blockwise = true,
            .contraction = true,
            .unbiased = false};
  }
  std::string text() const override { return skimp::text("sign(block=", block_, ")"); }
  std::uint64_t parameter(std::uint64_t) const override { return block_; }
  std::uint64_t block() const override { return block_; }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return scales_bytes(count, block_, dtype) + bytes_of_bits(count);
  }

  Encoded encode(const EncodeJob& job) const override {
    std::byte* bits = job.payload + scales_bytes(job.payload_count(), block_, job.dtype);
    const bool finite = visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      return encode_blocks<Value>(job, block_, sign::Encoder<Value>{bits});
    });
    return {payload_bytes(job.payload_count(), job.dtype), !finite};
  }

  void decode_part(Bytes payload, const Part& part, DType dtype,
                   const Output& output) const override {
    require_payload_bytes("sign", payload, payload_bytes(part.of, dtype));
    const std::byte* bits = payload.data() + scales_bytes(part.of, block_, dtype);
    visit_accumulator(dtype, [&](auto value) {
      using Value = decltype(value);
      decode_blocks<Value>(payload, part, block_, output, "sign", sign::Decoder<Value>{bits});
    });
  }

  bool has_kernels() const override { return true; }

  void encode_on(const DeviceStream& stream, const EncodeJob& job,
                 DeviceStatus* status) const override {
    SKIMP_ON_DEVICE(skimp_cuda_sign_encode, stream, job, block_, status);
  }

  void decode_on(const DeviceStream& stream, const DecodeJob& job,
                 DeviceStatus* status) const override {
    SKIMP_ON_DEVICE(skimp_cuda_sign_decode, stream, job, block_, status);
  }

  /// One bit down is the weak link of a two-phase sum: three levels a value keep convergence.
  CodecPtr default_broadcast() const override { return codec_from_text("quantize(bits=2)"); }

 private:
  std::uint64_t block_;
};

}  // namespace

CodecPtr make_sign(Arguments& arguments) {
  return std::make_shared<Sign>(arguments.take_block(2048));
}

CodecPtr sign_from_parameter(std::uint64_t parameter) {
  require_block("sign", parameter);
  return std::make_shared<Sign>(parameter);
}

}  // namespace skimp
