/// \file
/// Where the parts of a top-k payload begin.
#pragma once

#include "base/dtype.h"
#include "codecs/topk/indices.h"
#include "codecs/topk/values.h"

namespace skimp::topk {

struct Layout {
  Layout(std::uint64_t count, std::uint64_t k, Format format, DType dtype)
      : indices(count, k),
        scaled(k > 0 && is_scaled(format, skimp::bytes_of(accumulator_of(dtype)))),
        values_begin(scaled ? sizeof(std::int32_t) : 0),
        indices_begin(values_begin + k * bytes_of(format)),
        bytes(indices_begin + indices.bytes) {}

  /// The exponent of a payload of these bytes. Throws CorruptPayload.
  std::int32_t read_exponent(Bytes payload) const {
    const auto exponent = scaled ? load<std::int32_t>(payload.data()) : 0;
    require_intact(is_exponent(exponent), "topk: exponent ", exponent, " is not from ",
                   -largest_exponent, " to ", largest_exponent);
    return exponent;
  }

  IndexShape indices;
  bool scaled;
  std::uint64_t values_begin;
  std::uint64_t indices_begin;
  std::uint64_t bytes;
};

}  // namespace skimp::topk
