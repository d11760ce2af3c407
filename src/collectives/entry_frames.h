/// \file
/// Frames of entries, and of sums that have become dense: what the sparse algorithms exchange.
#pragma once

#include "codecs/entries.h"
#include "collectives/algorithm.h"
#include "device/buffer.h"

namespace skimp {

/// "" for codecs whose payloads can be merged entry by entry; else why one cannot.
std::string refuses_unless_entries(const Call& call, const World& world);

/// Writes a frame's payload to `payload`, which grows as needed, and returns the header for
/// Messenger::stamp. `delivered` (unless null) gets the values that a reader sees.
template <class Value>
FrameHeader write_entries(const Run& run, const EntryCoding& coding, const Entries<Value>& entries,
                          std::uint64_t count, Buffer& payload, Value* delivered = nullptr);

/// Reads a frame that must be one of at most `most` entries of `coding` in an array of `count`.
template <class Value>
void read_entries(Run& run, const Frame& frame, const EntryCoding& coding, std::uint64_t count,
                  std::uint64_t most, Entries<Value>& entries);

/// The accumulator's type of which entries are.
template <class Value>
inline constexpr DType dtype_of_values = sizeof(Value) == 8 ? DType::float64 : DType::float32;

}  // namespace skimp
