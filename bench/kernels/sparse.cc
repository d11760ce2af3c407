/// \file
/// An output of which one value in a hundred is not zero: zeros first, or all of it once?

#include "codecs/sparse_sink.h"

#include <cstring>

#include "ladder.h"

namespace {

using namespace skimp;

struct Entries {
  std::vector<std::uint64_t> indices;
  std::vector<float> values;
};

Entries one_in_a_hundred(std::size_t n) {
  std::mt19937_64 random(1);
  Entries entries;
  for (std::uint64_t i = random() % 200; i < n; i += 1 + random() % 199)
    entries.indices.push_back(i);
  entries.values = bench::normal(entries.indices.size());
  return entries;
}

void cleared(float* out, std::size_t n, const Entries& entries) {
  std::memset(out, 0, n * sizeof(float));
  for (std::size_t j = 0; j < entries.indices.size(); ++j) {
    out[entries.indices[j]] = entries.values[j];
  }
}

/// Entries' lines are fetched some entries ahead.
void cleared_past_the_cache(float* out, std::size_t n, const Entries& entries) {
  clear_streamed(out, n * sizeof(float));
  const Sink<float> sink({.data = out});
  sink.scatter(0, entries.indices.size(), entries.indices.data(), entries.values.data());
}

/// The library's.
void composed(float* out, std::size_t n, const Entries& entries) {
  SparseSink<float> sink({.data = out, .streamed = true}, n);
  sink.put(0, entries.indices.size(), entries.indices.data(), entries.values.data());
  sink.finish();
}

#if SKIMP_X86
/// The same, but for how the tile is cleared: as GCC clears arrays, unless told otherwise.
void composed_with_rep_stos(float* out, std::size_t n, const Entries& entries) {
  constexpr std::size_t run = 256;
  alignas(64) float tile[run] = {};
  LineStream lines;
  std::size_t j = 0;
  for (std::size_t at = 0; at < n; at += run) {
    for (; j < entries.indices.size() && entries.indices[j] < at + run; ++j) {
      tile[entries.indices[j] - at] = entries.values[j];
    }
    lines.write(out + at, tile, std::min(run, n - at) * sizeof(float));
    void* to = tile;
    std::size_t words = sizeof tile / 8;
    asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0) : "memory");
  }
  lines.end();
}
#endif

}  // namespace

int main(int argc, char** argv) {
  bench::Ladder ladder(argc, argv);
  for (const std::size_t bytes : ladder.sizes()) {
    const std::size_t n = bytes / sizeof(float);
    const Entries entries = one_in_a_hundred(n);
    std::vector<float> room(n + 32);
    float* out = room.data();
    while (reinterpret_cast<std::uintptr_t>(out) % 64 != 16) ++out;  // as numpy's arrays lie
    const auto by = [&](auto* method) {
      return [&, method] {
        method(out, n, entries);
        return n;
      };
    };
    std::vector<bench::Rung> rungs = {{"zeros, then entries", bench::scalar, by(cleared)}};
    rungs.push_back({"… past the cache", bench::scalar, by(cleared_past_the_cache)});
#if SKIMP_X86
    rungs.push_back({"a tile, by rep stos", bench::scalar, by(composed_with_rep_stos)});
#endif
    rungs.push_back({"a tile, the library's", bench::scalar, by(composed)});
    std::span output(out, n);
    ladder.climb(bytes, {bench::Output(output)}, rungs);
  }
}
