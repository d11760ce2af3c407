/// \file
/// The shape that block-scaled codecs share: the array is cut into blocks, each block has one scale
/// and one code per element. A payload is the scales of all blocks, then the codes.
///
/// A block that holds NaN or Inf is sent as NaN: its scale is the canonical NaN and its codes are
/// zero, its residual becomes zero.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "base/isa.h"
#include "codecs/elements.h"
#include "codecs/look_ahead.h"
#include "codecs/scale.h"

namespace skimp {

/// The largest block that an argument may ask for; blocks are multiples of 32 elements.
inline constexpr std::uint64_t largest_block = largest_tile;

/// Bytes of the scales in front of a payload.
inline std::uint64_t scales_bytes(std::uint64_t count, std::uint64_t block, DType dtype) {
  return divide_up(count, block) * bytes_of(accumulator_of(dtype));
}

/// Blocks are written in runs of at most this many elements. What leaves the cache is collected in
/// a tile of a run before it goes: small, so that it stays in the first-level cache with the block.
inline constexpr std::uint64_t run_elements = 256;

/// Adds the upper half of the lanes to the lower, and so on down to one.
template <std::uint64_t width, class Value>
Value fold(Value* lanes) {
  for (std::uint64_t j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  if constexpr (width > 1) return fold<width / 2>(lanes);
  return lanes[0];
}

/// Σ term(|x|): lane j of 32 adds elements j, j + 32, …; then lanes j and j + 16 are added, j and
/// j + 8, … j and j + 1. The order is part of the format: every instruction set sums alike.
template <class Values, class Term, class Value = ValueOf<Values>>
Value sum_of_terms(const Values& x, std::uint64_t n, Term&& term) {
  const auto term_of = [&](Value value) {
    return term(std::bit_cast<Value>(magnitude_bits(value)));
  };
  Value lanes[32] = {};
  std::uint64_t i = 0;
  for (; i + 32 <= n; i += 32) {
#pragma GCC ivdep
    for (std::uint64_t j = 0; j < 32; ++j) lanes[j] += term_of(x[i + j]);
  }
  for (std::uint64_t j = 0; i + j < n; ++j) lanes[j] += term_of(x[i + j]);
  return fold<16>(lanes);
}

template <class Values>
ValueOf<Values> sum_of_magnitudes(const Values& x, std::uint64_t n) {
  return sum_of_terms(x, n, [](ValueOf<Values> magnitude) { return magnitude; });
}

/// A codec of this shape: its payloads have parts.
class BlockCodec : public Codec {
 public:
  bool has_parts() const final { return true; }
  void decode(Bytes payload, std::uint64_t count, DType dtype, const Output& output) const final {
    decode_part(payload, {0, count, count}, dtype, output);
  }
};

/// Encoders that have a faster way for whole blocks; see encode_blocks.
template <class Encoder>
concept HasGroups =
    requires(const Encoder& encoder) { encoder.visit_groups(0, [](auto, std::byte*) {}); };

#if SKIMP_X86
/// Encodes blocks from element `begin` on by groups, as far as those take them; returns where that
/// is.
template <class Encoder>
std::uint64_t encode_groups(const EncodeJob& job, std::uint64_t block, const Encoder& encoder,
                            const Source<float>& source, const Sink<float>& residual,
                            std::byte* scales, std::uint64_t begin) {
  encoder.visit_groups(job.part.begin, [&](auto groups, std::byte* codes) {
    source.visit_all([&](const auto& values) {
      residual.visit_place([&](auto rest) {
        begin = avx512::encode_blocks<typename decltype(groups)::type>(
            values, rest, begin, job.count, block, scales, codes);
      });
    });
  });
  return begin;
}
#endif

/// Encodes the blocks of a job, compiled for the instruction set in use, `isa`, with
/// - `encoder.scale_of(values, n)`: a block's scale, NaN or Inf where a value is; values are an
///   array or Sums;
/// - `encoder.emit(isa, scale, begin, values, n, rest)`: the codes of elements begin … begin + n of
///   the payload, all of one block, n ≤ run_elements, and what they leave of the values, an array,
///   which `rest` may be;
/// - `encoder.erase(begin, n)`: zeros for codes.
/// If the encoder has `visit_groups(begin, visitor)`, which calls visitor(groups, codes), if at
/// all, with a std::type_identity and where the code of element `begin` lies, these `groups` encode
/// floats with AVX-512, as far as they take them; see look_ahead.h.
/// Returns whether all blocks were finite.
template <class Value, class Encoder>
bool encode_blocks(const EncodeJob& job, std::uint64_t block, const Encoder& encoder) {
  return on_isa([&](auto isa) {
    alignas(64) Value tile[largest_block];
    const Source<Value> source(job);
    const Sink<Value> residual(residual_output<Value>(job));
    const bool wanted = job.residual_out != nullptr;
    bool all_finite = true;
    const std::uint64_t before = job.part.begin;
    std::byte* scales = job.payload + before / block * sizeof(Value);
    const auto encode_block = [&](std::uint64_t begin) {
      const std::uint64_t n = std::min(block, job.count - begin);
      Value* room = wanted ? residual.room(begin, tile) : tile;
      source.visit(begin, n, room, [&](const auto& values) {
        const Value scale = encoder.scale_of(values, n);
        const bool finite = is_finite(scale);
        all_finite &= finite;
        store(scales + begin / block * sizeof(Value), finite ? scale : canonical_nan<Value>());
        for (std::uint64_t at = 0; at < n; at += run_elements) {
          const std::uint64_t m = std::min(run_elements, n - at);
          Value* rest = room + at;
          source.fetch(begin + at, m);
          if (finite) {
            encoder.emit(isa, scale, before + begin + at, array_of(values) + at, m, rest);
          } else {
            encoder.erase(before + begin + at, m);
            std::fill(rest, rest + m, Value{0});
          }
          if (wanted) residual.settle(begin + at, m, rest);
        }
      });
    };
    for (std::uint64_t begin = 0; begin < job.count; begin += block) {
#if SKIMP_X86
      if constexpr (isa == Isa::avx512 && std::is_same_v<Value, float> && HasGroups<Encoder>) {
        begin = encode_groups(job, block, encoder, source, residual, scales, begin);
        if (begin == job.count) break;
      }
#endif
      encode_block(begin);
    }
    return all_finite;
  });
}

template <class Value>
void require_scale(Value scale, const char* codec, std::uint64_t index) {
  require_intact(is_scale(scale), codec, ": scale ", scale, " of block ", index,
                 " is neither a magnitude nor the canonical NaN");
}

/// The scales of some codecs are powers of two too.
template <class Value>
void require_power_of_two(Value scale, const char* codec, std::uint64_t element) {
  require_intact(is_nan(scale) || is_power_of_two(scale), codec, ": scale ", scale, " of element ",
                 element, " is not a power of two");
}

/// Decoders that multiply the scale by 1, 0 or no less than 1/127 say `proportional`. Its division
/// by a power of two is theirs, then: no bit differs as long as nothing comes to be a denormal.
template <class Decoder>
inline constexpr bool is_proportional = requires { Decoder::proportional; };

template <class Value>
bool can_be_divided(Value scale, Value inverse) {
  return inverse != Value{0} && scale * inverse >= 256 * std::numeric_limits<Value>::min();
}

/// Decodes a part of a payload's blocks, as above, with `decoder.decode(isa, scale, begin, n,
/// values)` (what it writes for a scale of NaN does not matter) and at last `decoder.finish()`,
/// which throws if there was a code that no encoder writes. `decoder.add(…)`, if it has that, adds
/// to what is there.
template <class Value, class Decoder>
void decode_blocks(Bytes payload, const Part& part, std::uint64_t block, const Output& output,
                   const char* codec, Decoder decoder) {
  on_isa([&](auto isa) {
    alignas(64) Value tile[run_elements];
    const Sink<Value> dividing(output), plain(output.undivided());
    const Value inverse =
        is_proportional<Decoder> ? exact_inverse(static_cast<Value>(output.divisor)) : Value{0};
    const std::uint64_t end = part.begin + part.count;
    const std::byte* scale_at = payload.data() + part.begin / block * sizeof(Value);
    for (std::uint64_t begin = part.begin; begin < end; begin += block) {
      const std::uint64_t n = std::min(block, end - begin);
      auto scale = load<Value>(scale_at);
      scale_at += sizeof(Value);
      require_scale(scale, codec, begin / block);
      const bool divided = can_be_divided(scale, inverse);
      const Sink<Value>& sink = divided ? plain : dividing;
      if (divided) scale *= inverse;
      for (std::uint64_t at = begin; at < begin + n; at += run_elements) {
        const std::uint64_t m = std::min(run_elements, begin + n - at);
        if constexpr (requires { decoder.add(isa, scale, at, m, &scale); }) {
          if (output.add && !is_nan(scale)) {
            decoder.add(isa, scale, at, m, sink.place() + (at - part.begin));
            continue;
          }
        }
        Value* values = sink.room(at - part.begin, tile);
        decoder.decode(isa, scale, at, m, values);
        if (is_nan(scale)) std::fill(values, values + m, scale);
        sink.settle(at - part.begin, m, values);
      }
    }
    decoder.finish();
  });
}

}  // namespace skimp
