/// \file
/// Sign on a device: one warp encodes a block. The sum of magnitudes has 32 lanes by definition,
/// and they are those of the warp.
#include "codecs/sign/element.h"
#include "codecs/sign/kernels.h"
#include "cuda/codecs/blocks.cuh"

namespace skimp::cuda {
namespace {

struct SignEncoder {
  static constexpr unsigned scratch_bytes = 0;

  std::byte* bits;
  std::uint64_t bytes;  ///< of the bit string

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

  /// Every 32 elements give one word; lane j keeps the j-th until it has one for each lane to
  /// write.
  template <class Value>
  __device__ void emit(Value scale, bool finite, std::uint64_t begin, unsigned n, Value* x,
                       std::byte*) const {
    const unsigned words = (n + warp_size - 1) / warp_size;
    std::uint32_t kept = 0;
    for (unsigned word = 0; word < words; ++word) {
      const unsigned i = word * warp_size + lane();
      const Value value = i < n ? x[i] : Value{0};
      const bool negative = std::bit_cast<BitsOf<Value>>(value) != magnitude_bits(value);
      const std::uint32_t together = __ballot_sync(all_lanes, finite && negative);
      if (i < n) x[i] = finite ? sign::rest(value, scale) : Value{0};
      if (word % warp_size == lane()) kept = together;
      const bool last = word % warp_size == warp_size - 1 || word == words - 1;
      if (last && lane() <= word % warp_size) {
        put(begin / 8 + (word - word % warp_size + lane()) * sizeof kept, kept);
      }
    }
  }

 private:
  /// The bit string ends with the byte of its last bit, not with a word.
  __device__ void put(std::uint64_t at, std::uint32_t word) const {
    if (at + sizeof word <= bytes) {
      *reinterpret_cast<std::uint32_t*>(bits + at) = word;
    } else {
      for (; at < bytes; ++at, word >>= 8) bits[at] = static_cast<std::byte>(word & 0xFF);
    }
  }
};

template <class Value>
struct SignDecoder {
  const std::byte* bits;

  template <unsigned n>
  __device__ bool decode(Value scale, std::uint64_t i, Value* values) const {
    const std::uint64_t signs = bits_at<n>(bits, i);
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
      const skimp::cuda::SignEncoder encoder{job.payload + scales, skimp::bytes_of_bits(job.count)};
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
