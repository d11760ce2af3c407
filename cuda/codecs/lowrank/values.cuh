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

/// M. The element type is looked at where values are read, so that kernels are compiled for float
/// and double only.
template <class Value>
struct Matrix {
  const void* input;
  DType dtype;
  const Value* residual;

  explicit Matrix(const EncodeJob& job)
      : input(job.input), dtype(job.dtype), residual(static_cast<const Value*>(job.residual_in)) {}

  /// values[k] = the value at index_of(k), for k < n.
  template <unsigned n, class IndexOf>
  __device__ void load(IndexOf&& index_of, Value (&values)[n]) const {
    Value rest[n] = {};
    if (residual != nullptr) {
      SKIMP_UNROLL
      for (unsigned k = 0; k < n; ++k) rest[k] = residual[index_of(k)];
    }
    if constexpr (sizeof(Value) == sizeof(double)) {
      read<double>(index_of, values);
    } else {
      switch (dtype) {
        case DType::float16: read<Half>(index_of, values); break;
        case DType::bfloat16: read<BFloat16>(index_of, values); break;
        default: read<float>(index_of, values);
      }
    }
    if (residual == nullptr) return;
    SKIMP_UNROLL
    for (unsigned k = 0; k < n; ++k) values[k] += rest[k];
  }

 private:
  template <class Element, unsigned n, class IndexOf>
  __device__ void read(IndexOf&& index_of, Value (&values)[n]) const {
    const auto* from = static_cast<const Element*>(input);
    Element elements[n];
    SKIMP_UNROLL
    for (unsigned k = 0; k < n; ++k) elements[k] = from[index_of(k)];
    SKIMP_UNROLL
    for (unsigned k = 0; k < n; ++k) values[k] = convert<Value>(elements[k]);
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

  __device__ void put(std::uint64_t i, Value value) const {
    if (add) {
      static_cast<Value*>(data)[i] += value;
      return;
    }
    value = inverse != 0 ? value * inverse : value / divisor;
    if constexpr (sizeof(Value) == sizeof(double)) {
      write<double>(i, value);
    } else {
      switch (dtype) {
        case DType::float16: write<Half>(i, value); break;
        case DType::bfloat16: write<BFloat16>(i, value); break;
        default: write<float>(i, value);
      }
    }
  }

 private:
  template <class Element>
  __device__ void write(std::uint64_t i, Value value) const {
    static_cast<Element*>(data)[i] = rounded<Element>(value);
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
