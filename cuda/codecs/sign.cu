/// \file
/// Sign on a device: one warp encodes a block. The sum of magnitudes has 32 lanes by definition,
/// and they are those of the warp.
#include "codecs/sign/element.h"
#include "codecs/sign/kernels.h"
#include "cuda/codecs/blocks.cuh"

namespace skimp::cuda {
namespace {

struct SignEncoder {
  using Codes = std::uint32_t;

  std::byte* bits;

  template <class Value>
  __device__ Value scale_of(const Value* x, unsigned n) const {
    Value sum = 0;
    for (unsigned i = lane(); i < n; i += warp_size)
      sum += std::bit_cast<Value>(magnitude_bits(x[i]));
    for (unsigned width = warp_size / 2; width > 0; width /= 2) {
      sum += __shfl_down_sync(all_lanes, sum, width);
    }
    return __shfl_sync(all_lanes, sum / static_cast<Value>(n), 0);
  }

  template <class Value>
  __device__ Codes codes_of(Value scale, std::uint64_t, Value (&values)[lane_elements]) const {
    Codes codes = 0;
    SKIMP_UNROLL
    for (unsigned j = 0; j < lane_elements; ++j) {
      codes |= static_cast<Codes>(sign::is_negative(values[j])) << j;
      values[j] = sign::rest(values[j], scale);
    }
    return codes;
  }

  __device__ void put(Codes codes, std::uint64_t at, unsigned) const {
    bits[at / 8] = static_cast<std::byte>(codes);
  }
};

template <class Value>
struct SignDecoder {
  const std::byte* bits;

  template <unsigned n>
  __device__ std::uint32_t load(std::uint64_t i) const {
    return static_cast<std::uint32_t>(bits_at<n>(bits, i));
  }

  template <unsigned n>
  __device__ bool decode(Value scale, std::uint32_t signs, Value (&values)[n]) const {
    SKIMP_UNROLL
    for (unsigned j = 0; j < n; ++j) values[j] = sign::decoded(scale, (signs >> j & 1) != 0);
    return true;
  }
};

}  // namespace
}  // namespace skimp::cuda

using skimp::DecodeJob;
using skimp::DeviceStatus;
using skimp::DeviceStream;
using skimp::EncodeJob;

skimp_status skimp_cuda_sign_encode(DeviceStream stream, const EncodeJob& job, std::uint64_t block,
                                    DeviceStatus* status) {
  return skimp::cuda::guard_on(stream, [&](cudaStream_t) {
    if (job.count == 0) return;
    skimp::visit_dtype(job.dtype, [&](auto element) {
      using Element = decltype(element);
      using Value = typename skimp::Accumulator<Element>::type;
      const std::uint64_t scales = skimp::divide_up(job.count, block) * sizeof(Value);
      const skimp::cuda::SignEncoder encoder{job.payload + scales};
      skimp::cuda::queue_encode<Element>(stream, job, block, encoder, status);
    });
  });
}

skimp_status skimp_cuda_sign_decode(DeviceStream stream, const DecodeJob& job, std::uint64_t block,
                                    DeviceStatus* status) {
  return skimp::cuda::guard_on(stream, [&](cudaStream_t) {
    if (job.count == 0) return;
    skimp::visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      const std::uint64_t scales = skimp::divide_up(job.count, block) * sizeof(Value);
      const skimp::cuda::SignDecoder<Value> decoder{job.payload + scales};
      skimp::cuda::queue_decode<Value>(stream, job, block, decoder, status);
    });
  });
}
