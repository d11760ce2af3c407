#include "codecs/sign/sign.h"

#include "codecs/blocks.h"
#include "codecs/registry.h"
#include "codecs/sign/reference.h"

namespace skimp {
namespace {

class Sign final : public Codec {
 public:
  explicit Sign(std::uint64_t block) : block_(block) {}

  CodecId id() const override { return CodecId::sign; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = false,
            .sliceable = true,
            .contraction = true,
            .unbiased = false};
  }
  std::string text() const override { return skimp::text("sign(block=", block_, ")"); }
  std::uint64_t parameter(std::uint64_t) const override { return block_; }
  std::uint64_t block() const override { return block_; }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return scales_bytes(count, dtype) + bytes_of_bits(count);
  }

  Encoded encode(const EncodeJob& job) const override {
    std::byte* bits = job.payload + scales_bytes(job.count, job.dtype);
    const bool finite = visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      return encode_blocks<Value>(
          job, block_, [&](std::uint64_t index, const Value* x, std::uint64_t n, Value* delivered) {
            std::byte* block_bits = bits + index * block_ / 8;
            const Value scale = sign::encode_block(x, n, block_bits);
            store(job.payload + index * sizeof(Value), scale);
            if (delivered != nullptr) sign::decode_block(block_bits, n, scale, delivered);
            return is_finite(scale);
          });
    });
    return {payload_bytes(job.count, job.dtype), !finite};
  }

  void decode(Bytes payload, std::uint64_t count, DType dtype,
              const Output& output) const override {
    require_payload_bytes("sign", payload, payload_bytes(count, dtype));
    const std::byte* bits = payload.data() + scales_bytes(count, dtype);
    visit_accumulator(dtype, [&](auto value) {
      using Value = decltype(value);
      decode_blocks<Value>(count, block_, output,
                           [&](std::uint64_t index, std::uint64_t n, Value* x) {
                             const auto scale = load_scale<Value>(payload, index);
                             require_scale(scale, "sign", index);
                             sign::decode_block(bits + index * block_ / 8, n, scale, x);
                           });
    });
  }

  /// One bit down is the weak link of a two-phase sum: three levels a value keep convergence.
  CodecPtr default_broadcast() const override { return codec_from_text("quantize(bits=2)"); }

 private:
  std::uint64_t scales_bytes(std::uint64_t count, DType dtype) const {
    return divide_up(count, block_) * bytes_of(accumulator_of(dtype));
  }

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
