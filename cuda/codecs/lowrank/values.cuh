/// \file
/// How low-rank's kernels read input + residual and write results. Lanes take neighbouring
/// elements, so a warp reads whole lines whatever the alignment; many reads are on their way before
/// the first value is used.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "base/numbers.h"
#include "codecs/codec.h"
#include "cuda/codecs/elements.cuh"
#include "cuda/device/block.cuh"

namespace skimp::cuda::lowrank {

/// Where a thread has its values: in U rows, W of each, a warp apart. Their places are few
/// additions away from one another, as there is little time for more between two values.
template <unsigned U, unsigned W>
struct Places {
  static constexpr unsigned count = U * W;

  std::uint64_t rows[U];  ///< the first of each
  std::uint64_t left;     ///< columns from there to the row's end

  __device__ std::uint64_t at(unsigned k) const { return rows[k / W] + k % W * warp_size; }
  __device__ bool has(unsigned k) const { return k % W * warp_size < left; }
};

/// In rows `stride` values apart.
template <unsigned U, unsigned W>
__device__ Places<U, W> places_in(std::uint64_t first, std::uint64_t stride, std::uint64_t left) {
  Places<U, W> places;
  places.left = left;
  SKIMP_UNROLL
  for (unsigned u = 0; u < U; ++u, first += stride) places.rows[u] = first;
  return places;
}

/// values[k] = from[places.at(k)], zero where there is none.
template <class T, class At>
__device__ void load_values(const T* from, const At& places, T (&values)[At::count]) {
  SKIMP_UNROLL
  for (unsigned k = 0; k < At::count; ++k) {
    values[k] = places.has(k) ? from[places.at(k)] : T{};
  }
}

template <class T, class At>
__device__ void store_values(T* to, const At& places, const T (&values)[At::count]) {
  SKIMP_UNROLL
  for (unsigned k = 0; k < At::count; ++k) {
    if (places.has(k)) to[places.at(k)] = values[k];
  }
}

/// Where a sketch leaves input + residual, for the steps after it to read instead of the two: in
/// what becomes the new residual. Null where there is nothing to add, and where the new residual
/// replaces the old one, which must stay until the call is sure to succeed.
template <class Value>
Value* kept_sums(const EncodeJob& job) {
  const bool kept = job.residual_in != nullptr && job.residual_in != job.residual_out;
  return kept ? static_cast<Value*>(job.residual_out) : nullptr;
}

/// M. The element type is looked at where values are read, so that kernels are compiled for float
/// and double only.
template <class Value>
struct Matrix {
  const void* input;
  DType dtype;
  const Value* residual;

  explicit Matrix(const EncodeJob& job)
      : input(job.input), dtype(job.dtype), residual(static_cast<const Value*>(job.residual_in)) {}

  static Matrix after_sketch(const EncodeJob& job) {
    Matrix matrix(job);
    if (const Value* sums = kept_sums<Value>(job)) {
      matrix.input = sums;
      matrix.dtype = accumulator_of(job.dtype);
      matrix.residual = nullptr;
    }
    return matrix;
  }

  template <class At>
  __device__ void load(const At& places, Value (&values)[At::count]) const {
    Value rest[At::count] = {};
    if (residual != nullptr) load_values(residual, places, rest);
    if constexpr (sizeof(Value) == sizeof(double)) {
      read<double>(places, values);
    } else {
      switch (dtype) {
        case DType::float16: read<Half>(places, values); break;
        case DType::bfloat16: read<BFloat16>(places, values); break;
        default: read<float>(places, values);
      }
    }
    if (residual == nullptr) return;
    SKIMP_UNROLL
    for (unsigned k = 0; k < At::count; ++k) values[k] += rest[k];
  }

 private:
  template <class Element, class At>
  __device__ void read(const At& places, Value (&values)[At::count]) const {
    Element elements[At::count];
    load_values(static_cast<const Element*>(input), places, elements);
    SKIMP_UNROLL
    for (unsigned k = 0; k < At::count; ++k) values[k] = convert<Value>(elements[k]);
  }
};

/// The output, if there is one.
template <class Value>
struct Result {
  void* data = nullptr;
  DType dtype = DType::float32;
  bool add = false;
  Value divisor = 1;
  Value inverse = 1;  ///< of the divisor, if it gives the same bits; else 0

  explicit Result(const Output* output) {
    if (output == nullptr) return;
    data = output->data;
    dtype = output->dtype;
    add = output->add;
    divisor = static_cast<Value>(output->divisor);
    inverse = exact_inverse(divisor);
  }

  /// Writes the values, which are lost. What they are added to is read before the first is written.
  template <class At>
  __device__ void put(const At& places, Value (&values)[At::count]) const {
    if (add) {
      Value before[At::count];
      load_values(static_cast<const Value*>(data), places, before);
      SKIMP_UNROLL
      for (unsigned k = 0; k < At::count; ++k) values[k] = before[k] + values[k];
      return store_values(static_cast<Value*>(data), places, values);
    }
    if (inverse != 0) {
      SKIMP_UNROLL
      for (unsigned k = 0; k < At::count; ++k) values[k] *= inverse;
    } else {
      SKIMP_UNROLL
      for (unsigned k = 0; k < At::count; ++k) values[k] /= divisor;
    }
    if constexpr (sizeof(Value) == sizeof(double)) {
      write<double>(places, values);
    } else {
      switch (dtype) {
        case DType::float16: write<Half>(places, values); break;
        case DType::bfloat16: write<BFloat16>(places, values); break;
        default: write<float>(places, values);
      }
    }
  }

 private:
  template <class Element, class At>
  __device__ void write(const At& places, const Value (&values)[At::count]) const {
    Element elements[At::count];
    SKIMP_UNROLL
    for (unsigned k = 0; k < At::count; ++k) elements[k] = rounded<Element>(values[k]);
    store_values(static_cast<Element*>(data), places, elements);
  }
};

/// A row of a factor, K values: aligned, and the same for all lanes or one of many.
template <unsigned K, class Value>
__device__ void load_row(const Value* from, Value (&row)[K]) {
  constexpr unsigned each = at_once<Value>;
  SKIMP_UNROLL
  for (unsigned c = 0; c < K; c += each) {
    const auto values = load_vector<each>(from + c);
    SKIMP_UNROLL
    for (unsigned k = 0; k < each; ++k) row[c + k] = values.at[k];
  }
}

}  // namespace skimp::cuda::lowrank
