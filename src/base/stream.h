/// \file
/// Writing past the cache: an array that is too large to stay in it is written without first being
/// read, which a plain store does. A quarter of the memory traffic of `out = a + b` is that read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

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

/// As memset with zeros, past the cache.
inline void stream_zeros(void* to, std::size_t bytes) {
  auto* out = static_cast<std::byte*>(to);
#if defined(__SSE2__)
  const std::size_t head = std::min(bytes, -reinterpret_cast<std::uintptr_t>(out) % 64);
  std::memset(out, 0, head);
  out += head, bytes -= head;
  for (; bytes >= 64; out += 64, bytes -= 64) {
    for (std::size_t i = 0; i < 64; i += 16) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(out + i), _mm_setzero_si128());
    }
  }
#endif
  std::memset(out, 0, bytes);
  end_stream();
}

/// Writes runs past the cache, by whole lines: what a run leaves of its last line waits for the
/// next.
class LineStream {
 public:
  /// As memcpy, but some bytes are written by a later call only, or by `end`.
  void write(void* to, const void* from, std::size_t bytes) {
#if defined(__SSE2__)
    if (bytes == 0) return;
    auto* out = static_cast<std::byte*>(to);
    const auto* in = static_cast<const std::byte*>(from);
    if (out != next_) begin(out);
    next_ = out + bytes;
    if (const std::size_t filled = reinterpret_cast<std::uintptr_t>(out) % 64; filled > 0) {
      const std::size_t n = std::min(bytes, 64 - filled);
      std::memcpy(line_ + filled, in, n);
      if (filled + n < 64) return;
      put_line(out - filled);
      out += n, in += n, bytes -= n;
    }
    for (; bytes >= 64; out += 64, in += 64, bytes -= 64) stream_line(out, in);
    std::memcpy(line_, in, bytes);
#else
    std::memcpy(to, from, bytes);
#endif
  }

  /// Must be called after the last run.
  void end() {
#if defined(__SSE2__)
    begin(nullptr);
#endif
    end_stream();
  }

 private:
#if defined(__SSE2__)
  /// A run follows that is none of the last one's.
  void begin(std::byte* out) {
    const std::size_t end = reinterpret_cast<std::uintptr_t>(next_) % 64;
    if (end > first_) std::memcpy(next_ - end + first_, line_ + first_, end - first_);
    first_ = reinterpret_cast<std::uintptr_t>(out) % 64;
    next_ = out;
  }

  void put_line(std::byte* out) {
    if (first_ == 0) return stream_line(out, line_);
    std::memcpy(out + first_, line_ + first_, 64 - first_);
    first_ = 0;
  }

  static void stream_line(std::byte* out, const std::byte* in) {
    for (std::size_t i = 0; i < 64; i += 16) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(out + i),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i)));
    }
  }
#endif

  alignas(64) std::byte line_[64];
  std::byte* next_ = nullptr;  ///< where the run ends
  std::size_t first_ = 0;      ///< of its last line's bytes that are in line_
};

}  // namespace skimp
