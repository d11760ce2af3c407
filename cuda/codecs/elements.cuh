/// \file
/// How kernels read values and write results: 16 bytes of an array at a time where it is aligned to
/// them, else an element at a time. The functions are called by whole warps.
#pragma once

#include <bit>
#include <cstdint>

#include "base/dtype.h"
#include "base/numbers.h"
#include "codecs/device_status.h"
#include "cuda/device/launch.cuh"

namespace skimp::cuda {

__device__ inline void report(DeviceStatus* status, DeviceStatus bits) { atomicOr(status, bits); }

inline bool is_aligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

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

/// tile[i] = input[i] + residual[i] (null: input[i]) for i < n, n a number that fits the tile,
/// which is aligned to 16. `aligned`: the two arrays are, too.
template <class Element, class Value>
__device__ void load_tile(const Element* input, const Value* residual, bool aligned, unsigned n,
                          Value* tile) {
  constexpr unsigned each = at_once<Element>;
  const unsigned vectors = aligned ? n / each : 0;
  for (unsigned i = lane() * each; i < vectors * each; i += warp_size * each) {
    const auto elements = load_vector<each>(input + i);
    Vector<Value, each> values;
    for (unsigned j = 0; j < each; ++j) values.at[j] = convert<Value>(elements.at[j]);
    if (residual != nullptr) {
      const auto rest = load_vector<each>(residual + i);
      for (unsigned j = 0; j < each; ++j) values.at[j] += rest.at[j];
    }
    store_vector(tile + i, values);
  }
  for (unsigned i = vectors * each + lane(); i < n; i += warp_size) {
    const Value value = convert<Value>(input[i]);
    tile[i] = residual == nullptr ? value : value + residual[i];
  }
}

/// Bits first … first + n of a bit string: n is a power of two up to 64 and divides `first`, so no
/// byte is read beside theirs.
template <unsigned n>
__device__ std::uint64_t bits_at(const std::byte* string, std::uint64_t first) {
  const std::byte* from = string + first / 8;
  std::uint64_t bits = 0;
  for (unsigned byte = 0; byte < (n < 8 ? 1 : n / 8); ++byte) {
    bits |= std::uint64_t{static_cast<unsigned char>(from[byte])} << 8 * byte;
  }
  return n < 8 ? bits >> first % 8 : bits;
}

/// What an element of the output becomes, where `value` is decoded. What is added to (`add`) is of
/// the type Value.
template <class Element, class Value>
__device__ Element put(bool add, Value divisor, Element before, Value value) {
  if constexpr (sizeof(Element) == sizeof(Value)) {
    if (add) return before + value;
  }
  return rounded<Element>(value / divisor);
}

/// to[i] = tile[i] for i < n.
template <class Value>
__device__ void store_tile(const Value* tile, bool aligned, unsigned n, Value* to) {
  constexpr unsigned each = at_once<Value>;
  const unsigned vectors = aligned ? n / each : 0;
  for (unsigned i = lane() * each; i < vectors * each; i += warp_size * each) {
    store_vector(to + i, load_vector<each>(tile + i));
  }
  for (unsigned i = vectors * each + lane(); i < n; i += warp_size) to[i] = tile[i];
}

}  // namespace skimp::cuda
