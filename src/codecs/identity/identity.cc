#include "codecs/identity/identity.h"

#include "base/isa.h"
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
            .blockwise = true,
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
    const bool finite = on_isa([&](auto) {
      return visit_accumulator(job.dtype,
                               [&](auto value) { return encode_as<decltype(value)>(job); });
    });
    return {payload_bytes(job.count, job.dtype), !finite};
  }

  void decode(Bytes payload, std::uint64_t count, DType dtype,
              const Output& output) const override {
    require_payload_bytes("identity", payload, payload_bytes(count, dtype));
    on_isa([&](auto) {
      visit_accumulator(dtype, [&](auto value) {
        using Value = decltype(value);
        const Sink<Value> sink(output);
        for_each_tile(
            Source<Value>(payload.data(), dtype), count,
            [&](std::uint64_t begin, std::uint64_t n, const Value* x) { sink.put(begin, n, x); });
      });
    });
  }

 private:
  template <class Value>
  static bool encode_as(const EncodeJob& job) {
    const Sink<Value> sink({.data = job.payload, .dtype = job.dtype});
    const Source<Value> source(job), sent(job.payload, job.dtype);
    const Sink<Value> residual(residual_output<Value>(job));
    alignas(64) Value tile[tile_elements];
    bool finite = true;
    for_each_tile(source, job.count, [&](std::uint64_t begin, std::uint64_t n, const Value* x) {
      finite &= all_finite(x, n);
      sink.put(begin, n, x);
      if (job.residual_out == nullptr) return;
      put_residual(residual, begin, n, x, sent.load(begin, n, tile));
    });
    return finite;
  }
};

}  // namespace

CodecPtr make_identity(Arguments&) { return std::make_shared<Identity>(); }

CodecPtr identity_from_parameter(std::uint64_t parameter) {
  require_intact(parameter == 0, "identity: parameter = ", parameter, ", expected 0");
  return std::make_shared<Identity>();
}

}  // namespace skimp
