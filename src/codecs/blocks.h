/// \file
/// The shape that block-scaled codecs share: the array is cut into blocks, each block has one scale
/// and one code per element. A payload is the scales of all blocks, then the codes.
///
/// A block that holds NaN or Inf is sent as NaN: its scale is the canonical NaN and its codes are
/// zero, its residual becomes zero.
#pragma once

#include <algorithm>
#include <cstdint>

#include "codecs/elements.h"

namespace skimp {

/// The largest block that an argument may ask for; blocks are multiples of 32 elements.
inline constexpr std::uint64_t largest_block = 8192;

/// Runs `encode_block(index, values, n, delivered)` over the blocks of a job and writes the
/// residual. `delivered` is null when no residual is wanted; else the function fills it with what
/// the decoder will read. It returns whether the block was finite.
template <class Value, class EncodeBlock>
bool encode_blocks(const EncodeJob& job, std::uint64_t block, EncodeBlock&& encode_block) {
  alignas(64) Value tile[largest_block];
  alignas(64) Value delivered[largest_block];
  const Source<Value> source(job);
  bool finite = true;
  for (std::uint64_t begin = 0; begin < job.count; begin += block) {
    const std::uint64_t n = std::min(block, job.count - begin);
    const Value* values = source.load(begin, n, tile);
    const bool wanted = job.residual_out != nullptr;
    finite &= encode_block(begin / block, values, n, wanted ? delivered : nullptr);
    if (wanted) store_residual(job, begin, n, values, delivered);
  }
  return finite;
}

/// Runs `decode_block(index, n, values)`, which fills `values`, and writes them to the output.
template <class Value, class DecodeBlock>
void decode_blocks(std::uint64_t count, std::uint64_t block, const Output& output,
                   DecodeBlock&& decode_block) {
  alignas(64) Value tile[largest_block];
  const Sink<Value> sink(output);
  for (std::uint64_t begin = 0; begin < count; begin += block) {
    const std::uint64_t n = std::min(block, count - begin);
    decode_block(begin / block, n, tile);
    sink.put(begin, n, tile);
  }
}

/// The scales of a payload, `blocks` values of the accumulator's type.
template <class Value>
Value load_scale(Bytes payload, std::uint64_t index) {
  return load<Value>(payload.data() + index * sizeof(Value));
}

/// Every scale that an encoder writes is a magnitude or the canonical NaN.
template <class Value>
void require_scale(Value scale, const char* codec, std::uint64_t index) {
  const bool valid =
      std::bit_cast<BitsOf<Value>>(scale) < infinity_bits<Value> ||
      std::bit_cast<BitsOf<Value>>(scale) == std::bit_cast<BitsOf<Value>>(canonical_nan<Value>());
  require_intact(valid, codec, ": scale ", scale, " of block ", index,
                 " is neither a magnitude nor the canonical NaN");
}

inline void require_payload_bytes(const char* codec, Bytes payload, std::uint64_t expected) {
  require_intact(payload.size() == expected, codec, ": payload has ", payload.size(),
                 " bytes, its count asks for ", expected);
}

}  // namespace skimp
