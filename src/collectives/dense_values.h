/// \file
/// What the dense algorithms share: frames of raw values that are sent from where they lie, and the
/// rule that only the identity codec is dense.
#pragma once

#include <string>

#include "collectives/slices.h"

namespace skimp {

/// Dense values begin shards at multiples of a cache line.
inline constexpr std::uint64_t dense_block = 16;

std::string refuses_unless_identity(const Call& call, const World& world);

/// The values that a dense algorithm sums: the input itself, or, where there is a residual to be
/// delivered with it, a copy of input + residual rounded to the input's type (what that loses is
/// the new residual).
class DenseValues {
 public:
  explicit DenseValues(const Call& call) : call_(call) {}
  const void* prepare(Run& run);

 private:
  Call call_;
  Coder coder_;
  Buffer staged_;
};

/// The header of a frame of `count` raw values.
FrameHeader describe_values(const Call& call, DType dtype, std::uint64_t count, bool nonfinite);

/// Checks that a received frame holds `count` values of `dtype` and notes whether they are finite.
void check_values(Run& run, const Frame& frame, DType dtype, std::uint64_t count);

/// The bytes of `count` elements of `dtype` from `first` on, as a payload or as room for one.
inline Bytes payload_of(const void* array, DType dtype, std::uint64_t first, std::uint64_t count) {
  return {static_cast<const std::byte*>(element(array, dtype, first)), count * bytes_of(dtype)};
}
inline MutableBytes room_of(void* array, DType dtype, std::uint64_t first, std::uint64_t count) {
  return {static_cast<std::byte*>(element(array, dtype, first)), count * bytes_of(dtype)};
}

}  // namespace skimp
