#include "codecs/identity/identity.h"

#include "codecs/transfer.h"
#include "device/library.h"

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
    return {payload_bytes(job.count, job.dtype), !transfer_checked(encoding(job))};
  }

  void decode(Bytes payload, std::uint64_t count, DType dtype,
              const Output& output) const override {
    require_payload_bytes("identity", payload, payload_bytes(count, dtype));
    transfer_values({.input = payload.data(), .dtype = dtype, .count = count, .output = output});
  }

  bool has_kernels() const override { return true; }

  void encode_on(const DeviceStream& stream, const EncodeJob& job,
                 DeviceStatus* status) const override {
    SKIMP_ON_DEVICE(skimp_cuda_transfer, stream, encoding(job), status);
  }

  void decode_on(const DeviceStream& stream, const DecodeJob& job, DeviceStatus*) const override {
    const Transfer decoding{
        .input = job.payload, .dtype = job.dtype, .count = job.count, .output = job.output};
    SKIMP_ON_DEVICE(skimp_cuda_transfer, stream, decoding, nullptr);
  }

 private:
  static Transfer encoding(const EncodeJob& job) {
    return {.input = job.input,
            .dtype = job.dtype,
            .residual = job.residual_in,
            .count = job.count,
            .output = {.data = job.payload, .dtype = job.dtype},
            .rest = {.data = job.residual_out,
                     .dtype = accumulator_of(job.dtype),
                     .streamed = job.streamed && job.residual_out != job.residual_in}};
  }
};

}  // namespace

CodecPtr make_identity(Arguments&) { return std::make_shared<Identity>(); }

CodecPtr identity_from_parameter(std::uint64_t parameter) {
  require_intact(parameter == 0, "identity: parameter = ", parameter, ", expected 0");
  return std::make_shared<Identity>();
}

}  // namespace skimp
