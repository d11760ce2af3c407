/// \file
/// Writing past the cache: an array that is too large to stay in it is written without first being
/// read, which a plain store does. A quarter of the memory traffic of `out = a + b` is that read.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace skimp {

/// Arrays of this many bytes or more are streamed. Measured in bench/kernels/stream: on a processor
/// with 32 MiB of cache, streaming gains from 8 MiB on, where what follows finds nothing cached.
inline constexpr std::uint64_t smallest_streamed_bytes = 8 << 20;

inline bool is_streamed(std::uint64_t bytes) {
#if defined(__SSE2__)
  return bytes >= smallest_streamed_bytes;
#else
  static_cast<void>(bytes);
  return false;
#endif
}

/// Whether plain stores read a line even where all of it is overwritten. Intel's do: 64 MiB take
/// three times as long as past the cache (Emerald Rapids). On AMD's Zen both take the same.
inline bool stores_read_first() {
#if defined(__SSE2__)
  static const bool is_intel = __builtin_cpu_is("intel") != 0;
  return is_intel;
#else
  return false;
#endif
}

/// Where an array begins amid a line of the cache, as numpy's do, whole lines are put together from
/// two runs, which costs more than plain stores do where those do not read first.
inline bool is_streamable(const void* array) {
  return reinterpret_cast<std::uintptr_t>(array) % 64 == 0 || stores_read_first();
}

/// Streamed stores are weakly ordered: what others are told after this finds them in memory.
inline void end_stream() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

/// As memset with zeros, past the cache where plain stores read first.
void clear_streamed(void* to, std::size_t bytes);

/// Writes runs past the cache, by whole lines: what a run leaves of its last line waits for the
/// next.
class LineStream {
 public:
  /// As memcpy, but some bytes are written by a later call only, or by `end`.
  void write(void* to, const void* from, std::size_t bytes);

  /// Must be called after the last run.
  void end();

 private:
  void begin(std::byte* out);
  void put_line(std::byte* out);

  std::byte line_[64];
  std::byte* next_ = nullptr;  ///< where the run ends
  std::size_t first_ = 0;      ///< of its last line's bytes that are in line_
};

}  // namespace skimp
