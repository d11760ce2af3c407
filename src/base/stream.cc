#include "base/stream.h"

#include <algorithm>
#include <cstring>

namespace skimp {

#if defined(__SSE2__)
namespace {

/// Four quarters of a line, which leaves as one.
void stream_line(std::byte* out, const std::byte* in) {
  for (std::size_t i = 0; i < 64; i += 16) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i)));
  }
}

/// As memcpy, but by quarters of a line, as far as there are such: a load that gets its bytes from
/// several stores waits until these are done, and so for all that is being streamed before them.
void copy_quarters(std::byte* to, const std::byte* from, std::size_t bytes) {
  for (; bytes >= 16; to += 16, from += 16, bytes -= 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  std::memcpy(to, from, bytes);
}

/// How far into its line an address lies.
std::size_t offset_of(const std::byte* address) {
  return reinterpret_cast<std::uintptr_t>(address) % 64;
}

}  // namespace

void clear_streamed(void* to, std::size_t bytes) {
  if (!stores_read_first()) {
    std::memset(to, 0, bytes);
    return;
  }
  alignas(64) static constexpr std::byte zeros[64] = {};
  auto* out = static_cast<std::byte*>(to);
  const std::size_t head = std::min(bytes, (64 - offset_of(out)) % 64);
  std::memset(out, 0, head);
  out += head, bytes -= head;
  for (; bytes >= 64; out += 64, bytes -= 64) stream_line(out, zeros);
  std::memset(out, 0, bytes);
  end_stream();
}

void LineStream::write(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  auto* out = static_cast<std::byte*>(to);
  const auto* in = static_cast<const std::byte*>(from);
  if (out != next_) begin(out);
  next_ = out + bytes;
  if (const std::size_t filled = offset_of(out); filled > 0) {
    const std::size_t n = std::min(bytes, 64 - filled);
    copy_quarters(line_ + filled, in, n);
    if (filled + n < 64) return;
    put_line(out - filled);
    out += n, in += n, bytes -= n;
  }
  for (; bytes >= 64; out += 64, in += 64, bytes -= 64) stream_line(out, in);
  copy_quarters(line_, in, bytes);
}

void LineStream::end() {
  begin(nullptr);
  end_stream();
}

/// A run follows that is none of the last one's.
void LineStream::begin(std::byte* out) {
  const std::size_t end = offset_of(next_);
  if (end > first_) std::memcpy(next_ - end + first_, line_ + first_, end - first_);
  first_ = offset_of(out);
  next_ = out;
}

void LineStream::put_line(std::byte* out) {
  if (first_ == 0) return stream_line(out, line_);
  std::memcpy(out + first_, line_ + first_, 64 - first_);
  first_ = 0;
}
#else
// Nothing is streamed (is_streamed).
void clear_streamed(void* to, std::size_t bytes) { std::memset(to, 0, bytes); }
void LineStream::write(void* to, const void* from, std::size_t bytes) {
  std::memcpy(to, from, bytes);
}
void LineStream::end() {}
#endif

}  // namespace skimp
