/// \file
/// Writing past the cache: an array that is too large to stay in it is written without first being
/// read, which a plain store does. A quarter of the memory traffic of `out = a + b` is that read.
#pragma once

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

/// Runs are streamed by whole lines of the cache; where they begin amid one, as numpy's arrays do,
/// its halves cost more than is saved.
inline bool is_streamable(const void* array) {
  return reinterpret_cast<std::uintptr_t>(array) % 64 == 0;
}

/// As memcpy. Call `end_stream` after the last one.
inline void stream(void* to, const void* from, std::size_t bytes) {
#if defined(__SSE2__)
  auto* out = static_cast<std::byte*>(to);
  const auto* in = static_cast<const std::byte*>(from);
  const std::size_t head = -reinterpret_cast<std::uintptr_t>(out) % 64;
  if (bytes < head + 64) {
    std::memcpy(out, in, bytes);
    return;
  }
  std::memcpy(out, in, head);
  std::size_t at = head;
  for (; at + 64 <= bytes; at += 64) {
    for (std::size_t i = at; i < at + 64; i += 16) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(out + i),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i)));
    }
  }
  std::memcpy(out + at, in + at, bytes - at);
#else
  std::memcpy(to, from, bytes);
#endif
}

/// Streamed stores are weakly ordered: what others are told after this finds them in memory.
inline void end_stream() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace skimp
