#include "codecs/identity/identity.h"

#include "codecs/blocks.h"

namespace skimp {
namespace {

class Identity final : public Codec {
 public:
  CodecId id() const override { return CodecId::identity; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = false,
            .sliceable = true,
            .contraction = true,
            .unbiased = true};
  }
  std::string text() const override { return "identity"; }
  std::uint64_t parameter(std::uint64_t) const override { return 0; }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return count * bytes_of(dtype);
  }

  /// The sum input + residual is rounded to the input's type; what that loses stays in the
  /// residual.
  Encoded encode(const EncodeJob& job) const override {
    const bool finite = visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      const Sink<Value> sink({job.payload, job.dtype});
      return encode_blocks<Value>(
          job, tile_elements,
          [&](std::uint64_t index, const Value* x, std::uint64_t n, Value* delivered) {
            const std::uint64_t begin = index * tile_elements;
            sink.put(begin, n, x);
            if (delivered != nullptr) {
              Source<Value>(job.payload, job.dtype).load(begin, n, delivered);
            }
            bool block_finite = true;
            for (std::uint64_t i = 0; i < n; ++i) block_finite &= is_finite(x[i]);
            return block_finite;
          });
    });
    return {payload_bytes(job.count, job.dtype), !finite};
  }

  void decode(Bytes payload, std::uint64_t count, DType dtype,
              const Output& output) const override {
    require_payload_bytes("identity", payload, payload_bytes(count, dtype));
    visit_accumulator(dtype, [&](auto value) {
      using Value = decltype(value);
      const Source<Value> source(payload.data(), dtype);
      decode_blocks<Value>(count, tile_elements, output,
                           [&](std::uint64_t index, std::uint64_t n, Value* x) {
                             source.load(index * tile_elements, n, x);
                           });
    });
  }
};

}  // namespace

CodecPtr make_identity(Arguments&) { return std::make_shared<Identity>(); }

CodecPtr identity_from_parameter(std::uint64_t parameter) {
  require_intact(parameter == 0, "identity: parameter = ", parameter, ", expected 0");
  return std::make_shared<Identity>();
}

}  // namespace skimp
