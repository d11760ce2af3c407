/// \file
/// The kernels that block-scaled codecs share, as src/codecs/blocks.h is for the CPU: each warp
/// takes one block after the other, or several small ones together. A codec adds, for a whole warp:
///
/// - `encoder.scale_of(values, n)`: a block's scale, NaN or Inf where a value is;
///
/// and for one lane:
///
/// - `encoder.codes_of(scale, at, values)`: the codes of lane_elements values, the array's from
///   element `at` on; replaces them by what the codes leave of them;
/// - `encoder.put(codes, at, n)`: writes the first n of such codes; `Codes{}` are zeros;
/// - `decoder.load<n>(i)`: the codes of elements i … i + n − 1 of the array, where n is a power of
///   two up to 8 that divides i;
/// - `decoder.decode<n>(scale, codes, values)`: their values. Returns whether encoders write such.
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

/// Elements begin … begin + n of an array: its `index`-th block, or tile.
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
  unsigned tile;  ///< a multiple of it: what a warp reads before it writes
  bool aligned;
  DeviceStatus* status;
};

/// As many blocks as make a tile that keeps memory busy.
inline unsigned tile_of(unsigned block) {
  constexpr unsigned enough = 1024;
  return block < enough ? enough / block * block : block;
}

/// Elements whose codes are whole bytes, however few bits each has. Blocks are multiples.
inline constexpr unsigned lane_elements = 8;

/// To codes, of a block of n values; they are replaced by what that leaves of them, by zero unless
/// the scale is finite.
template <class Value, class Encoder>
__device__ void encode_codes(const Encoder& encoder, Value scale, std::uint64_t begin, unsigned n,
                             Value* tile) {
  const bool finite = is_finite(scale);
  for (unsigned i = lane() * lane_elements; i < n; i += warp_size * lane_elements) {
    constexpr unsigned each = at_once<Value>;
    const unsigned valid = n - i < lane_elements ? n - i : lane_elements;
    Value values[lane_elements];
    SKIMP_UNROLL
    for (unsigned j = 0; j < lane_elements; ++j) {
      values[j] = load_vector<each>(tile + i + j / each * each).at[j % each];
      if (j >= valid || !finite) values[j] = 0;
    }
    using Codes = decltype(encoder.codes_of(scale, begin, values));
    encoder.put(finite ? encoder.codes_of(scale, begin + i, values) : Codes{}, begin + i, valid);
    SKIMP_UNROLL
    for (unsigned j = 0; j < lane_elements; j += each) {
      Vector<Value, each> rest;
      SKIMP_UNROLL
      for (unsigned e = 0; e < each; ++e) rest.at[e] = values[j + e];
      store_vector(tile + i + j, rest);
    }
  }
}

/// Of one block: `begin` is its first element's.
template <class Element, class Encoder>
__device__ void encode_block(const Encoding<Element>& job, const Encoder& encoder,
                             std::uint64_t begin, unsigned n, ValueOf<Element>* values) {
  using Value = ValueOf<Element>;
  const Value scale = encoder.scale_of(values, n);
  __syncwarp();  // before the values are replaced
  if (lane() == 0) {
    job.scales[begin / job.block] = is_finite(scale) ? scale : canonical_nan<Value>();
    if (!is_finite(scale)) report(job.status, nonfinite_status);
  }
  encode_codes(encoder, scale, begin, n, values);
}

template <class Element, class Encoder>
__device__ void encode_tile(const Encoding<Element>& job, const Encoder& encoder,
                            std::uint64_t index, ValueOf<Element>* tile) {
  const auto [begin, n] = extent_of(index, job.tile, job.count);
  const auto* residual = job.residual_in == nullptr ? nullptr : job.residual_in + begin;
  load_tile(job.input + begin, residual, job.aligned, n, tile);
  __syncwarp();
  for (unsigned i = 0; i < n; i += job.block) {
    const unsigned rest = n - i;
    encode_block(job, encoder, begin + i, rest < job.block ? rest : job.block, tile + i);
  }
  __syncwarp();
  if (job.residual_out != nullptr) {
    store_tile(tile, job.aligned, n, job.residual_out + begin);
    __syncwarp();  // before the next tile's values come
  }
}

/// Blocks of threads that a multiprocessor is to hold at least: registers for as many warps as
/// shared memory has tiles for.
template <class Value>
inline constexpr unsigned encode_residents = sizeof(Value) == sizeof(float) ? 3 : 1;

template <class Element, class Encoder>
__global__ void __launch_bounds__(block_threads, (encode_residents<ValueOf<Element>>))
    encode_blocks(Encoding<Element> job, Encoder encoder) {
  using Value = typename Encoding<Element>::Value;
  auto* tile = reinterpret_cast<Value*>(shared_memory()) + threadIdx.x / warp_size * job.tile;
  const std::uint64_t tiles = divide_up(job.count, job.tile);
  for (std::uint64_t i = first_piece(); i < tiles; i += pieces_at_once()) {
    encode_tile(job, encoder, i, tile);
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
                                   tile_of(static_cast<unsigned>(block)),
                                   aligned,
                                   status};
  const auto kernel = encode_blocks<Element, Encoder>;
  const Grid grid = grid_for(kernel, divide_up(job.count, encoding.tile),
                             encoding.tile * sizeof(Value), stream.device);
  launch(kernel, grid, stream, encoding, encoder);
}

// ---- Decoding -----------------------------------------------------------------------------------

template <class Element, class Value>
struct Decoding {
  const Value* scales;
  std::uint64_t count;
  unsigned block;
  Delivery<Value> delivery;
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
  const auto decode = [&]<unsigned m>(const auto& codes, Element(&elements)[m]) {
    Value values[m];
    if (!decoder.template decode<m>(scale, codes, values)) bad |= code_status;
    SKIMP_UNROLL
    for (unsigned j = 0; j < m; ++j) {
      elements[j] = job.delivery.put(elements[j], spoilt ? scale : values[j]);
    }
  };
  const unsigned vectors = job.aligned ? n / each : 0;
  for_each_step<vectors_ahead>(lane(), vectors, warp_size, [&](std::uint64_t first, auto steps) {
    constexpr unsigned U = decltype(steps)::value;
    const auto place_of = [&](unsigned u) { return begin + (first + u * warp_size) * each; };
    decltype(decoder.template load<each>(0)) codes[U];
    Vector<Element, each> vector[U] = {};
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) codes[u] = decoder.template load<each>(place_of(u));
    if (job.delivery.add) {
      SKIMP_UNROLL
      for (unsigned u = 0; u < U; ++u) vector[u] = load_vector<each>(job.output + place_of(u));
    }
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) {
      decode(codes[u], vector[u].at);
      store_vector(job.output + place_of(u), vector[u]);
    }
  });
  for (std::uint64_t i = begin + vectors * each + lane(); i < begin + n; i += warp_size) {
    Element one[1] = {job.delivery.add ? job.output[i] : Element{}};
    decode(decoder.template load<1>(i), one);
    job.output[i] = one[0];
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
      const Decoding<Element, Value> decoding{reinterpret_cast<const Value*>(job.payload),
                                              job.count,
                                              static_cast<unsigned>(block),
                                              Delivery<Value>(job.output),
                                              is_aligned(job.output.data),
                                              static_cast<Element*>(job.output.data),
                                              status};
      const auto kernel = decode_blocks<Element, Value, Decoder>;
      const Grid grid = grid_for(kernel, divide_up(job.count, block), 0, stream.device);
      launch(kernel, grid, stream, decoding, decoder);
    }
  });
}

}  // namespace skimp::cuda
