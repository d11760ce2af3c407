/// \file
/// How kernels read values and write results: 16 bytes of an array at a time where it is aligned to
/// them, else an element at a time. The functions are called by whole warps.
#pragma once

#include <bit>
#include <cstdint>

#include "base/dtype.h"
#include "base/numbers.h"
#include "codecs/codec.h"
#include "codecs/device_status.h"
#include "cuda/device/block.cuh"

namespace skimp::cuda {

__device__ inline void report(DeviceStatus* status, DeviceStatus bits) { atomicOr(status, bits); }

inline bool is_aligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

/// What elements are added and compared as.
template <class Element>
using ValueOf = typename Accumulator<Element>::type;

/// Elements that a lane takes at once.
template <class Element>
inline constexpr unsigned at_once = 16 / sizeof(Element);

/// n elements, moved in pieces of 16 bytes.
template <class T, unsigned n>
struct alignas(16) Vector {
  T at[n];
};

template <unsigned n, class T>
__device__ Vector<T, n> load_vector(const T* from) {
  return *reinterpret_cast<const Vector<T, n>*>(from);
}

template <unsigned n, class T>
__device__ void store_vector(T* to, const Vector<T, n>& values) {
  *reinterpret_cast<Vector<T, n>*>(to) = values;
}

/// Vectors of an array that a lane reads before it uses the first: what is under way at once
/// decides the speed.
inline constexpr unsigned vectors_ahead = 4;

/// tile[i] = input[i] + residual[i] (null: input[i]) for i < n, n a number that fits the tile,
/// which is aligned to 16. `aligned`: the two arrays are, too.
template <class Element, class Value>
__device__ void load_tile(const Element* input, const Value* residual, bool aligned, unsigned n,
                          Value* tile) {
  constexpr unsigned each = at_once<Element>;
  const unsigned vectors = aligned ? n / each : 0;
  for_each_step<vectors_ahead>(lane(), vectors, warp_size, [&](std::uint64_t first, auto steps) {
    constexpr unsigned U = decltype(steps)::value;
    const auto place_of = [&](unsigned u) { return (first + u * warp_size) * each; };
    Vector<Element, each> elements[U];
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) elements[u] = load_vector<each>(input + place_of(u));
    Vector<Value, each> rest[U];
    if (residual != nullptr) {
      SKIMP_UNROLL
      for (unsigned u = 0; u < U; ++u) rest[u] = load_vector<each>(residual + place_of(u));
    }
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) {
      Vector<Value, each> values;
      SKIMP_UNROLL
      for (unsigned j = 0; j < each; ++j) {
        values.at[j] = convert<Value>(elements[u].at[j]);
        if (residual != nullptr) values.at[j] += rest[u].at[j];
      }
      store_vector(tile + place_of(u), values);
    }
  });
  for (unsigned i = vectors * each + lane(); i < n; i += warp_size) {
    const Value value = convert<Value>(input[i]);
    tile[i] = residual == nullptr ? value : value + residual[i];
  }
}

/// to[i] = tile[i] for i < n.
template <class Value>
__device__ void store_tile(const Value* tile, bool aligned, unsigned n, Value* to) {
  constexpr unsigned each = at_once<Value>;
  const unsigned vectors = aligned ? n / each : 0;
  for_each_step<vectors_ahead>(lane(), vectors, warp_size, [&](std::uint64_t first, auto steps) {
    constexpr unsigned U = decltype(steps)::value;
    const auto place_of = [&](unsigned u) { return (first + u * warp_size) * each; };
    Vector<Value, each> values[U];
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) values[u] = load_vector<each>(tile + place_of(u));
    SKIMP_UNROLL
    for (unsigned u = 0; u < U; ++u) store_vector(to + place_of(u), values[u]);
  });
  for (unsigned i = vectors * each + lane(); i < n; i += warp_size) to[i] = tile[i];
}

/// Bits first … first + n of a bit string: n is a power of two up to 64 and divides `first`, so no
/// byte is read beside theirs. Where n is above 8, the string begins at a multiple of 4 bytes.
template <unsigned n>
__device__ std::uint64_t bits_at(const std::byte* string, std::uint64_t first) {
  const std::byte* from = string + first / 8;
  if constexpr (n == 64) {
    return bits_at<32>(from, 0) | bits_at<32>(from + 4, 0) << 32;
  } else if constexpr (n == 32) {
    return *reinterpret_cast<const std::uint32_t*>(from);
  } else if constexpr (n == 16) {
    return *reinterpret_cast<const std::uint16_t*>(from);
  } else {
    return static_cast<std::uint64_t>(*from) >> first % 8;
  }
}

/// What becomes of what is decoded.
template <class Value>
struct Delivery {
  bool add;
  Value divisor;
  Value inverse;  ///< of the divisor, if it gives the same bits; else 0

  explicit Delivery(const Output& output)
      : add(output.add),
        divisor(static_cast<Value>(output.divisor)),
        inverse(exact_inverse(divisor)) {}

  /// An element of the output, of the type Value where there is something to add to.
  template <class Element>
  __device__ Element put(Element before, Value value) const {
    if constexpr (sizeof(Element) == sizeof(Value)) {
      if (add) return before + value;
    }
    return rounded<Element>(inverse != 0 ? value * inverse : value / divisor);
  }
};

}  // namespace skimp::cuda
