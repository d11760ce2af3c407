/// \file
/// Quantize on a device: one warp encodes a block, first to a byte a code in shared memory, from
/// which whole words of the planes are then packed.
#include <type_traits>

#include "base/philox.h"
#include "codecs/quantize/kernels.h"
#include "codecs/quantize/levels.h"
#include "codecs/quantize/packed.h"
#include "cuda/codecs/blocks.cuh"

namespace skimp::cuda {
namespace {

using quantize::Levels;

/// Packs the codes of a block into a plane, which may begin at any byte.
template <int width>
__device__ void pack_plane(const std::uint8_t* codes, int shift, std::byte* plane, unsigned bytes) {
  constexpr unsigned per_byte = 8 / width;
  const bool aligned = reinterpret_cast<std::uintptr_t>(plane) % sizeof(std::uint32_t) == 0;
  const unsigned words = aligned ? bytes / 4 : 0;
  for (unsigned i = lane(); i < words; i += warp_size) {
    std::uint32_t word = 0;
    for (unsigned j = 0; j < 4; ++j) {
      const std::byte byte = quantize::packed_byte<width>(codes + (4 * i + j) * per_byte, shift);
      word |= static_cast<std::uint32_t>(byte) << 8 * j;
    }
    reinterpret_cast<std::uint32_t*>(plane)[i] = word;
  }
  for (unsigned i = 4 * words + lane(); i < bytes; i += warp_size) {
    plane[i] = quantize::packed_byte<width>(codes + i * per_byte, shift);
  }
}

template <bool stochastic>
struct QuantizeEncoder {
  static constexpr unsigned scratch_bytes = 1;  // a code

  std::byte* low;
  std::byte* high;  ///< the plane of high bits, if a code has 3
  int bits;
  std::uint64_t seed;
  RandomStream random;
  std::uint64_t first_element;

  template <class Value>
  __device__ Value scale_of(const Value* x, unsigned n) const {
    BitsOf<Value> largest = 0;
    for (unsigned i = lane(); i < n; i += warp_size) {
      const BitsOf<Value> magnitude = magnitude_bits(x[i]);
      largest = magnitude > largest ? magnitude : largest;
    }
    for (unsigned distance = warp_size / 2; distance > 0; distance /= 2) {
      const BitsOf<Value> other = __shfl_xor_sync(all_lanes, largest, distance);
      largest = other > largest ? other : largest;
    }
    return std::bit_cast<Value>(largest);
  }

  template <class Value>
  __device__ void emit(Value scale, bool finite, std::uint64_t begin, unsigned n, Value* x,
                       std::byte* scratch) const {
    auto* codes = reinterpret_cast<std::uint8_t*>(scratch);
    const auto padded = static_cast<unsigned>(divide_up(n, 8)) * 8;  // whole bytes in any plane
    if (finite) {
      encode(Levels<Value>(scale, quantize::largest_level(bits)), begin, n, x, codes);
      if (n + lane() < padded) codes[n + lane()] = 0;
    } else {
      for (unsigned i = lane(); i < padded; i += warp_size) codes[i] = 0;
      for (unsigned i = lane(); i < n; i += warp_size) x[i] = 0;
    }
    __syncwarp();
    pack(codes, begin, n);
    __syncwarp();  // before the next block's codes come
  }

 private:
  /// To a byte a code; x becomes what the codes leave of it.
  template <class Value>
  __device__ void encode(const Levels<Value>& levels, std::uint64_t begin, unsigned n, Value* x,
                         std::uint8_t* codes) const {
    const auto put = [&](unsigned i, Value level) {
      codes[i] = levels.code_of(level);
      x[i] -= levels.value_of(level);
    };
    if constexpr (!stochastic) {
      for (unsigned i = lane(); i < n; i += warp_size) {
        put(i, quantize::nearest_integer(levels.position_of(x[i])));
      }
    } else {
      // Four elements of the whole array share a draw; a slice may begin in the middle of one.
      const std::uint64_t first = first_element + begin;
      for (std::uint64_t group = first / 4 + lane(); 4 * group < first + n; group += warp_size) {
        const auto words = draw(seed, random, group);
        for (unsigned j = 0; j < 4; ++j) {
          const std::uint64_t i = 4 * group + j - first;  // huge for elements before the slice
          if (i >= n) continue;
          put(static_cast<unsigned>(i),
              quantize::random_integer(levels.position_of(x[i]), words[j]));
        }
      }
    }
  }

  __device__ void pack(const std::uint8_t* codes, std::uint64_t begin, unsigned n) const {
    const auto bytes = [n](unsigned width) {
      return static_cast<unsigned>(bytes_of_bits(std::uint64_t{n} * width));
    };
    switch (bits) {
      case 8: return pack_plane<8>(codes, 0, low + begin, bytes(8));
      case 4: return pack_plane<4>(codes, 0, low + begin / 2, bytes(4));
      case 3: pack_plane<1>(codes, 2, high + begin / 8, bytes(1)); [[fallthrough]];
      default: pack_plane<2>(codes, 0, low + begin / 4, bytes(2));
    }
  }
};

template <class Value>
struct QuantizeDecoder {
  const std::byte* low;
  const std::byte* high;
  int bits;

  template <unsigned n>
  __device__ bool decode(Value scale, std::uint64_t i, Value* values) const {
    switch (bits) {
      case 8: return decode_as<n, 8>(scale, bits_at<8 * n>(low, 8 * i), 0, values);
      case 4: return decode_as<n, 4>(scale, bits_at<4 * n>(low, 4 * i), 0, values);
      case 3:
        return decode_as<n, 2>(scale, bits_at<2 * n>(low, 2 * i), bits_at<n>(high, i), values);
      default: return decode_as<n, 2>(scale, bits_at<2 * n>(low, 2 * i), 0, values);
    }
  }

 private:
  /// From the low `width` bits of n codes and the high bit of each, if they have one.
  template <unsigned n, unsigned width>
  __device__ bool decode_as(Value scale, std::uint64_t low_bits, std::uint64_t high_bits,
                            Value* values) const {
    constexpr std::uint64_t mask = (1u << width) - 1;
    const int largest = quantize::largest_level(bits);
    const Levels<Value> levels(scale, largest);
    bool valid = true;
    for (unsigned j = 0; j < n; ++j) {
      const auto code = static_cast<std::int32_t>((low_bits >> width * j & mask) |
                                                  (high_bits >> j & (bits == 3)) << width);
      valid &= code <= 2 * largest;
      values[j] = levels.value_of(levels.level_of(code));
    }
    return valid;
  }
};

/// Where the planes of a payload begin.
template <class Byte>
struct PlanesAt {
  Byte* low;
  Byte* high;

  PlanesAt(Byte* payload, std::uint64_t count, std::uint64_t block, std::size_t scale_bytes)
      : low(payload + divide_up(count, block) * scale_bytes),
        high(low + bytes_of_bits(2 * count)) {}
};

}  // namespace
}  // namespace skimp::cuda

skimp_status skimp_cuda_quantize_encode(skimp::DeviceStream stream, const skimp::EncodeJob& job,
                                        const skimp::QuantizeArguments& arguments,
                                        skimp::DeviceStatus* status) {
  return skimp::cuda::guard_on(stream, [&](cudaStream_t) {
    if (job.count == 0) return;
    skimp::visit_dtype(job.dtype, [&](auto element) {
      using Element = decltype(element);
      using Value = typename skimp::Accumulator<Element>::type;
      const skimp::cuda::PlanesAt planes(job.payload, job.count, arguments.block, sizeof(Value));
      const auto queue = [&](auto stochastic) {
        const skimp::cuda::QuantizeEncoder<decltype(stochastic)::value> encoder{
            planes.low, planes.high, arguments.bits, arguments.seed, job.random, job.first_element};
        skimp::cuda::queue_encode<Element>(stream, job, arguments.block, encoder, status);
      };
      arguments.stochastic ? queue(std::true_type{}) : queue(std::false_type{});
    });
  });
}

skimp_status skimp_cuda_quantize_decode(skimp::DeviceStream stream, const skimp::DecodeJob& job,
                                        const skimp::QuantizeArguments& arguments,
                                        skimp::DeviceStatus* status) {
  return skimp::cuda::guard_on(stream, [&](cudaStream_t) {
    if (job.count == 0) return;
    skimp::visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      const skimp::cuda::PlanesAt planes(job.payload, job.count, arguments.block, sizeof(Value));
      const skimp::cuda::QuantizeDecoder<Value> decoder{planes.low, planes.high, arguments.bits};
      skimp::cuda::queue_decode<Value>(stream, job, arguments.block, decoder, status);
    });
  });
}
