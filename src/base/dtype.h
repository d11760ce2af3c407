/// \file
/// Element types, and the wider type in which each is summed and its residual kept.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "base/half.h"

namespace skimp {

enum class DType : std::uint8_t {
  float32 = SKIMP_FLOAT32,
  float16 = SKIMP_FLOAT16,
  bfloat16 = SKIMP_BFLOAT16,
  float64 = SKIMP_FLOAT64,
};

inline bool is_dtype(int value) { return value >= SKIMP_FLOAT32 && value <= SKIMP_FLOAT64; }

inline const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::float32: return "float32";
    case DType::float16: return "float16";
    case DType::bfloat16: return "bfloat16";
    case DType::float64: return "float64";
  }
  return "unknown";
}

inline std::size_t bytes_of(DType dtype) {
  switch (dtype) {
    case DType::float32: return 4;
    case DType::float16: return 2;
    case DType::bfloat16: return 2;
    case DType::float64: return 8;
  }
  return 0;
}

/// float32 for everything but float64: what sums, scales and residuals are kept in.
inline DType accumulator_of(DType dtype) {
  return dtype == DType::float64 ? DType::float64 : DType::float32;
}

template <class Element>
struct Accumulator {
  using type = float;
};
template <>
struct Accumulator<double> {
  using type = double;
};

/// Calls visitor(Element{}) with the C++ type of `dtype`.
template <class Visitor>
decltype(auto) visit_dtype(DType dtype, Visitor&& visitor) {
  switch (dtype) {
    case DType::float16: return visitor(Half{});
    case DType::bfloat16: return visitor(BFloat16{});
    case DType::float64: return visitor(double{});
    case DType::float32: break;
  }
  return visitor(float{});
}

/// Calls visitor(Value{}) with float or double, the accumulator type of `dtype`.
template <class Visitor>
decltype(auto) visit_accumulator(DType dtype, Visitor&& visitor) {
  if (dtype == DType::float64) return visitor(double{});
  return visitor(float{});
}

}  // namespace skimp
