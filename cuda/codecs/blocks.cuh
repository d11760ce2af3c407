/// \file
/// The kernels that block-scaled codecs share, as src/codecs/blocks.h is for the CPU: each warp
/// takes one block after the other. A codec adds, for whole warps to call:
///
/// - `encoder.scale_of(values, n)`: the block's scale, NaN or Inf where a value is;
/// - `encoder.emit(scale, finite, begin, n, values, scratch)`: writes the codes, zeros unless
///   `finite`, and replaces each value by what its code leaves of it, zero unless `finite`;
///
/// and for one lane:
///
/// - `decoder.decode<n>(scale, i, values)`: elements i … i + n − 1 of the array, where n is a power
///   of two up to 8 that divides i. Returns whether an encoder writes such codes.
///
/// Values are read once: they stay in shared memory between the scale and the codes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"
#include "codecs/codec.h"
#include "codecs/scale.h"
#include "cuda/codecs/elements.cuh"
#include "cuda/device/launch.cuh"

namespace skimp::cuda {

/// Elements begin … begin + n of an array: its `index`-th block.
struct Extent {
  std::uint64_t begin;
  unsigned n;
};

SKIMP_HOST_DEVICE inline Extent extent_of(std::uint64_t index, unsigned block,
                                          std::uint64_t count) {
  const std::uint64_t begin = index * block;
  const std::uint64_t rest = count - begin;
  return {begin, rest < block ? static_cast<unsigned>(rest) : block};
}

// ---- Encoding -----------------------------------------------------------------------------------

template <class Element>
struct Encoding {
  using Value = typename Accumulator<Element>::type;

  const Element* input;
  const Value* residual_in;
  Value* residual_out;
  Value* scales;
  std::uint64_t count;
  unsigned block;
  bool aligned;
  DeviceStatus* status;
};

/// Shared memory of a block: its values, then the codec's scratch.
template <class Value, class Encoder>
SKIMP_HOST_DEVICE constexpr unsigned tile_bytes(unsigned block) {
  return block * static_cast<unsigned>(sizeof(Value) + Encoder::scratch_bytes);
}

template <class Element, class Encoder>
__device__ void encode_block(const Encoding<Element>& job, const Encoder& encoder,
                             std::uint64_t index, std::byte* memory) {
  using Value = typename Encoding<Element>::Value;
  const auto [begin, n] = extent_of(index, job.block, job.count);
  auto* tile = reinterpret_cast<Value*>(memory);
  const Value* residual = job.residual_in == nullptr ? nullptr : job.residual_in + begin;
  load_tile(job.input + begin, residual, job.aligned, n, tile);
  __syncwarp();
  const Value scale = encoder.scale_of(tile, n);
  __syncwarp();  // before the values are replaced
  const bool finite = is_finite(scale);
  if (lane() == 0) {
    job.scales[index] = finite ? scale : canonical_nan<Value>();
    if (!finite) report(job.status, nonfinite_status);
  }
  encoder.emit(scale, finite, begin, n, tile, memory + job.block * sizeof(Value));
  __syncwarp();
  if (job.residual_out != nullptr) {
    store_tile(tile, job.aligned, n, job.residual_out + begin);
    __syncwarp();  // before the next block's values come
  }
}

template <class Element, class Encoder>
__global__ void encode_blocks(Encoding<Element> job, Encoder encoder) {
  using Value = typename Encoding<Element>::Value;
  std::byte* memory =
      shared_memory() + threadIdx.x / warp_size * tile_bytes<Value, Encoder>(job.block);
  const std::uint64_t blocks = divide_up(job.count, job.block);
  for (std::uint64_t i = first_piece(); i < blocks; i += pieces_at_once()) {
    encode_block(job, encoder, i, memory);
  }
}

/// Queues the encode of a job with a block-scaled codec, whose codes begin at payload + scales.
template <class Element, class Encoder>
void queue_encode(const DeviceStream& stream, const EncodeJob& job, std::uint64_t block,
                  const Encoder& encoder, DeviceStatus* status) {
  using Value = typename Accumulator<Element>::type;
  require(is_aligned(job.payload), "cuda: the payload is not aligned to 16 bytes");
  const bool aligned =
      is_aligned(job.input) && is_aligned(job.residual_in) && is_aligned(job.residual_out);
  const Encoding<Element> encoding{static_cast<const Element*>(job.input),
                                   static_cast<const Value*>(job.residual_in),
                                   static_cast<Value*>(job.residual_out),
                                   reinterpret_cast<Value*>(job.payload),
                                   job.count,
                                   static_cast<unsigned>(block),
                                   aligned,
                                   status};
  const std::size_t shared = tile_bytes<Value, Encoder>(encoding.block);
  const Grid grid = grid_for(divide_up(job.count, block), shared, stream.device);
  launch(encode_blocks<Element, Encoder>, grid, stream, encoding, encoder);
}

// ---- Decoding -----------------------------------------------------------------------------------

template <class Element, class Value>
struct Decoding {
  const Value* scales;
  std::uint64_t count;
  unsigned block;
  Value divisor;
  bool add;
  bool aligned;
  Element* output;
  DeviceStatus* status;
};

template <class Element, class Value, class Decoder>
__device__ void decode_block(const Decoding<Element, Value>& job, const Decoder& decoder,
                             std::uint64_t index) {
  constexpr unsigned each = at_once<Element>;
  const auto [begin, n] = extent_of(index, job.block, job.count);
  const Value scale = job.scales[index];
  const bool spoilt = is_nan(scale);
  DeviceStatus bad = is_scale(scale) ? 0 : scale_status;
  const unsigned vectors = job.aligned ? n / each : 0;
  for (unsigned i = lane() * each; i < vectors * each; i += warp_size * each) {
    Element* to = job.output + begin + i;
    Value values[each];
    if (!decoder.template decode<each>(scale, begin + i, values)) bad |= code_status;
    Vector<Element, each> elements{};
    if (job.add) elements = load_vector<each>(to);
    for (unsigned j = 0; j < each; ++j) {
      elements.at[j] = put(job.add, job.divisor, elements.at[j], spoilt ? scale : values[j]);
    }
    store_vector(to, elements);
  }
  for (unsigned i = vectors * each + lane(); i < n; i += warp_size) {
    Element* to = job.output + begin + i;
    Value value;
    if (!decoder.template decode<1>(scale, begin + i, &value)) bad |= code_status;
    *to = put(job.add, job.divisor, job.add ? *to : Element{}, spoilt ? scale : value);
  }
  if (bad != 0) report(job.status, bad);
}

template <class Element, class Value, class Decoder>
__global__ void decode_blocks(Decoding<Element, Value> job, Decoder decoder) {
  const std::uint64_t blocks = divide_up(job.count, job.block);
  for (std::uint64_t i = first_piece(); i < blocks; i += pieces_at_once()) {
    decode_block(job, decoder, i);
  }
}

/// Queues the decode of a job with a block-scaled codec.
template <class Value, class Decoder>
void queue_decode(const DeviceStream& stream, const DecodeJob& job, std::uint64_t block,
                  const Decoder& decoder, DeviceStatus* status) {
  require(is_aligned(job.payload), "cuda: the payload is not aligned to 16 bytes");
  visit_dtype(job.output.dtype, [&](auto element) {
    using Element = decltype(element);
    if constexpr (std::is_same_v<typename Accumulator<Element>::type, Value>) {
      const Decoding<Element, Value> decoding{
          reinterpret_cast<const Value*>(job.payload), job.count,      static_cast<unsigned>(block),
          static_cast<Value>(job.output.divisor),      job.output.add, is_aligned(job.output.data),
          static_cast<Element*>(job.output.data),      status};
      const Grid grid = grid_for(divide_up(job.count, block), 0, stream.device);
      launch(decode_blocks<Element, Value, Decoder>, grid, stream, decoding, decoder);
    }
  });
}

}  // namespace skimp::cuda
