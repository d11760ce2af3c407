/// \file
/// Quantize on a device: a lane makes eight codes at once, which are as many bytes of the plane of
/// low bits as each has bits there, and one byte of the plane of high bits.
#include <type_traits>

#include "base/philox.h"
#include "codecs/quantize/kernels.h"
#include "codecs/quantize/levels.h"
#include "cuda/codecs/blocks.cuh"

namespace skimp::cuda {
namespace {

/// Bits of a code of `bits` bits in the plane of low bits. A third one has a plane of its own.
template <int bits>
inline constexpr unsigned low_width = bits == 3 ? 2 : bits;

template <class Value>
using FusedLevels = quantize::Levels<Value, true>;

template <int bits, bool stochastic>
struct QuantizeEncoder {
  struct Codes {
    std::uint64_t low;
    std::uint32_t high;
  };

  std::byte* low;
  std::byte* high;
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
    return std::bit_cast<Value>(warp_max(largest));
  }

  template <class Value>
  __device__ Codes codes_of(Value scale, std::uint64_t at, Value (&values)[lane_elements]) const {
    const FusedLevels<Value> levels(scale, quantize::largest_level(bits));
    if constexpr (stochastic) {
      std::uint32_t words[lane_elements];
      draw_words(first_element + at, words);
      return codes_by(levels, values, [&](unsigned j) {
        return quantize::random_integer(levels.position_of(values[j]), words[j]);
      });
    }
    if (!quantize::is_moderate(scale)) {
      return codes_by(levels, values, [&](unsigned j) {
        return quantize::nearest_integer(levels.position_of(values[j]));
      });
    }
    return codes_by(levels, values, [&](unsigned j) {
      return quantize::nearest_integer(levels.quick_position_of(values[j]));
    });
  }

  /// The planes of low bits begin at a multiple of 4 bytes.
  __device__ void put(Codes codes, std::uint64_t at, unsigned n) const {
    std::byte* to = low + at / lane_elements * low_width<bits>;
    if (n == lane_elements) {
      if constexpr (low_width<bits> == 2) {
        *reinterpret_cast<std::uint16_t*>(to) = static_cast<std::uint16_t>(codes.low);
      } else {
        SKIMP_UNROLL
        for (unsigned i = 0; i < low_width<bits>; i += 4) {
          *reinterpret_cast<std::uint32_t*>(to + i) =
              static_cast<std::uint32_t>(codes.low >> 8 * i);
        }
      }
    } else {
      codes.low &= (std::uint64_t{1} << n * low_width<bits>)-1;
      codes.high &= (1u << n) - 1;
      const auto bytes = static_cast<unsigned>(bytes_of_bits(n * low_width<bits>));
      for (unsigned i = 0; i < bytes; ++i) to[i] = static_cast<std::byte>(codes.low >> 8 * i);
    }
    if constexpr (bits == 3) high[at / 8] = static_cast<std::byte>(codes.high);
  }

 private:
  /// Codes of the levels level_of(j).
  template <class Value, class LevelOf>
  __device__ static Codes codes_by(const FusedLevels<Value>& levels, Value (&values)[lane_elements],
                                   LevelOf&& level_of) {
    constexpr std::uint32_t low_mask = (1u << low_width<bits>)-1;
    Codes codes{};
    SKIMP_UNROLL
    for (unsigned j = 0; j < lane_elements; ++j) {
      const Value level = level_of(j);
      const std::uint32_t code = levels.code_of(level);
      codes.low |= static_cast<std::uint64_t>(code & low_mask) << j * low_width<bits>;
      if constexpr (bits == 3) codes.high |= (code >> 2) << j;
      values[j] -= levels.value_of(level);
    }
    return codes;
  }

  /// For the elements from `first` on, of which a draw serves four; a slice may begin amid those.
  __device__ void draw_words(std::uint64_t first, std::uint32_t (&words)[lane_elements]) const {
    if (first % 4 == 0) {
      for (unsigned j = 0; j < lane_elements; j += 4) {
        const auto four = draw(seed, random, (first + j) / 4);
        for (unsigned i = 0; i < 4; ++i) words[j + i] = four[i];
      }
    } else {
      for (unsigned j = 0; j < lane_elements; ++j) {
        words[j] = draw(seed, random, (first + j) / 4)[(first + j) % 4];
      }
    }
  }
};

template <int bits, class Value>
struct QuantizeDecoder {
  struct Codes {
    std::uint64_t low;
    std::uint32_t high;
  };

  const std::byte* low;
  const std::byte* high;

  template <unsigned n>
  __device__ Codes load(std::uint64_t i) const {
    constexpr unsigned width = low_width<bits>;
    Codes codes{bits_at<width * n>(low, width * i), 0};
    if constexpr (bits == 3) codes.high = static_cast<std::uint32_t>(bits_at<n>(high, i));
    return codes;
  }

  template <unsigned n>
  __device__ bool decode(Value scale, const Codes& codes, Value (&values)[n]) const {
    constexpr unsigned width = low_width<bits>;
    constexpr std::int32_t largest = quantize::largest_level(bits);
    const FusedLevels<Value> levels(scale, largest);
    bool valid = true;
    SKIMP_UNROLL
    for (unsigned j = 0; j < n; ++j) {
      auto code = static_cast<std::int32_t>(codes.low >> width * j & ((1u << width) - 1));
      if constexpr (bits == 3) code |= static_cast<std::int32_t>(codes.high >> j & 1) << 2;
      valid &= code <= 2 * largest;
      values[j] = levels.value_of(levels.level_of(code));
    }
    return valid;
  }
};

/// Calls body(constant bits).
template <class Body>
void with_bits(int bits, Body&& body) {
  switch (bits) {
    case 8: return body(std::integral_constant<int, 8>{});
    case 4: return body(std::integral_constant<int, 4>{});
    case 3: return body(std::integral_constant<int, 3>{});
    default: return body(std::integral_constant<int, 2>{});
  }
}

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
      skimp::cuda::with_bits(arguments.bits, [&](auto bits) {
        const auto queue = [&](auto stochastic) {
          const skimp::cuda::QuantizeEncoder<decltype(bits)::value, decltype(stochastic)::value>
              encoder{planes.low, planes.high, arguments.seed, job.random, job.first_element};
          skimp::cuda::queue_encode<Element>(stream, job, arguments.block, encoder, status);
        };
        arguments.stochastic ? queue(std::true_type{}) : queue(std::false_type{});
      });
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
      skimp::cuda::with_bits(arguments.bits, [&](auto bits) {
        const skimp::cuda::QuantizeDecoder<decltype(bits)::value, Value> decoder{planes.low,
                                                                                 planes.high};
        skimp::cuda::queue_decode<Value>(stream, job, arguments.block, decoder, status);
      });
    });
  });
}
