/// \file
/// What the dense algorithms share: frames of raw values that are sent from where they lie, and the
/// rule that only the identity codec is dense.
#pragma once

#include <optional>
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
  PlacedMemory staged_;
};

/// An array of raw values as messages see it: the array itself, or, beside one on a device whose
/// payloads do not stay there, a mirror of it in pinned memory.
class MessageView {
 public:
  MessageView(DType dtype, std::uint64_t count, const PayloadPlace& place)
      : dtype_(dtype),
        mirror_(place.stays || place.device == host_memory ? 0 : count * bytes_of(dtype),
                place.device) {}

  /// Elements first … first + count of the array will be sent. In `bytes` once settled (place.h).
  void fetch(Run& run, const void* array, std::uint64_t first, std::uint64_t count) const;

  /// The elements as a payload, and room for them as one.
  Bytes bytes(const void* array, std::uint64_t first, std::uint64_t count) const;
  MutableBytes room(void* array, std::uint64_t first, std::uint64_t count) const;

  /// The elements have come into their room: puts them into the array.
  void put(Run& run, void* array, std::uint64_t first, std::uint64_t count) const;

 private:
  DType dtype_;
  Buffer mirror_;
};

/// The header of a frame of `count` raw values.
FrameHeader describe_values(const Call& call, DType dtype, std::uint64_t count, bool nonfinite);

/// Stamps the header of such a frame (Messenger::stamp). Waits for the sum of values on a device.
FrameHeader stamp_values(Run& run, FrameHeader header, int round, Bytes payload,
                         std::optional<std::uint64_t> products = {});

/// Values on their way to these ranks of the messenger: a copy in room that is lent for it, with
/// the sum_of_products found on the way, or the values themselves where there is none.
struct OutgoingValues {
  OutgoingValues(const Run& run, Bytes values, std::span<const int> readers);

  Bytes payload;
  std::optional<std::uint64_t> products;
};

/// How to expect a frame of values for take_values.
Messenger::Check check_to_take(const Run& run);

/// Puts received values to their room in the output, unless they came there, and checks them. On a
/// device that has been done.
void take_values(const Run& run, const Call& call, int peer, const Frame& frame, MutableBytes room);

/// Whether what is written to this part of the output goes past the cache.
bool is_streamed_to(const Call& call, MutableBytes output);

/// Checks that a received frame holds `count` values of `dtype` and notes whether they are finite.
void check_values(Run& run, const Frame& frame, DType dtype, std::uint64_t count);

}  // namespace skimp
