/// \file
/// out = a + b: how to write what is too large for the cache.

#include "base/stream.h"

#include <algorithm>

#include "ladder.h"

namespace {

using namespace skimp;

void add(float* __restrict out, const float* a, const float* b, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

void add_in_place(float* __restrict a, const float* __restrict b, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) a[i] += b[i];
}

/// Sums a vector at a time, and stores it past the cache. `out` is aligned, n a multiple of 4.
void add_non_temporal(float* out, const float* a, const float* b, std::size_t n) {
#if SKIMP_X86
  for (std::size_t i = 0; i < n; i += 4) {
    _mm_stream_ps(out + i, _mm_add_ps(_mm_loadu_ps(a + i), _mm_loadu_ps(b + i)));
  }
#else
  add(out, a, b, n);
#endif
  end_stream();
}

/// Sums a run into a tile, and writes that past the cache, by whole lines.
template <std::size_t run>
void add_by_tile(float* out, const float* a, const float* b, std::size_t n) {
  alignas(64) float tile[run];
  LineStream lines;
  for (std::size_t at = 0; at < n; at += run) {
    const std::size_t m = std::min(run, n - at);
    add(tile, a + at, b + at, m);
    lines.write(out + at, tile, m * sizeof(float));
  }
  lines.end();
}

}  // namespace

int main(int argc, char** argv) {
  bench::Ladder ladder(argc, argv);
  for (const std::size_t bytes : ladder.sizes()) {
    const std::size_t n = bytes / sizeof(float) / 4 * 4;
    const std::vector<float> a = bench::normal(n, 1), b = bench::normal(n, 2);
    std::vector<float> out_with_room(n + 32), sum;
    float* out = out_with_room.data();
    while (reinterpret_cast<std::uintptr_t>(out) % 64 != 0) ++out;
    const auto by = [&](auto* method) {
      return [&, method] {
        method(out, a.data(), b.data(), n);
        return n;
      };
    };
    // It changes what it reads: only its first call is one that can be checked.
    const auto in_place = [&] {
      const bool checked = !sum.empty();
      if (!checked) sum = a;
      add_in_place(sum.data(), b.data(), n);
      if (!checked) std::ranges::copy(sum, out);
      return n;
    };
    std::span aligned(out, n);
    ladder.climb(bytes, {bench::Output(aligned)},
                 {{"plain stores", bench::scalar, by(add)},
                  {"non-temporal stores", bench::scalar, by(add_non_temporal)},
                  {"tile of 256, streamed", bench::scalar, by(add_by_tile<256>)},
                  {"tile of 2048, streamed", bench::scalar, by(add_by_tile<2048>)},
                  {"in place: a += b", bench::scalar, in_place}});
    out += 4;  // as numpy's arrays lie
    std::span amid_a_line(out, n);
    ladder.climb(bytes, {bench::Output(amid_a_line)},
                 {{"amid a line: plain stores", bench::scalar, by(add)},
                  {"amid a line: tile of 256, streamed", bench::scalar, by(add_by_tile<256>)}});
  }
}
