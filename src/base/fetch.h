/// \file
/// Asking for memory before it is read. Processors do so by themselves while a loop reads, but not
/// past the end of a page, and not while another loop only computes: where such loops take turns,
/// encoders waited for three tenths of their time (bench/kernels/look_ahead.cc).
#pragma once

#include <cstddef>
#include <cstdint>

namespace skimp {

/// How far ahead of what is read: a page. Half and four times as far do as well.
inline constexpr std::uint64_t bytes_ahead = 4096;

// Inlined at once: GCC leaves out calls of a function that only fetches, as of one that does
// nothing.

/// Fetches the line that lies bytes_ahead after `place`. There need be none.
[[gnu::always_inline]] inline void fetch_ahead(const void* place) {
  __builtin_prefetch(static_cast<const std::byte*>(place) + bytes_ahead);
}

/// The same for all lines of some bytes.
[[gnu::always_inline]] inline void fetch_ahead(const void* place, std::uint64_t bytes) {
  const auto* from = static_cast<const std::byte*>(place);
  for (std::uint64_t i = 0; i < bytes; i += 64) fetch_ahead(from + i);
}

}  // namespace skimp
