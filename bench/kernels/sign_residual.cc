/// \file
/// Sign with its residual, in place or to a second buffer: e + g less what its signs deliver. A
/// block's scale is known when all of it was read, so it is read twice: from where?

#include <algorithm>
#include <array>

#include "codecs/sign/block.h"
#include "ladder.h"

namespace {

using namespace skimp;

constexpr std::size_t block = 2048;

/// Whole blocks.
struct Arrays {
  explicit Arrays(std::size_t blocks)
      : g(bench::normal(blocks * block, 1)),
        start(bench::normal(blocks * block, 2)),
        e(start.size(), 1),
        apart(start.size(), 2),
        words(start.size() / 32),
        rests(words.size()) {}
  std::vector<float> g, start;
  bench::Lines e, apart;
  std::vector<std::uint32_t> words;
  std::vector<std::array<float, 32>> rests;  ///< of the first call
};

/// The bits of x, then its rest.
template <Isa isa>
void emit(const float* x, float scale, float* rest, std::uint32_t* words) {
  for (std::size_t i = 0; i < block; i += 32) words[i / 32] = sign_bits<isa>(x + i);
#pragma GCC ivdep
  for (std::size_t i = 0; i < block; ++i) rest[i] = sign::rest(x[i], scale);
}

template <Isa isa>
void add_twice(const float* g, float* e, std::uint32_t* words) {
  const float scale = sum_of_magnitudes(LazySums<float>{g, e}, block) / block;
  for (std::size_t i = 0; i < block; i += 32) {
    alignas(64) float x[32];
    for (std::size_t j = 0; j < 32; ++j) x[j] = g[i + j] + e[i + j];
    words[i / 32] = sign_bits<isa>(x);
    for (std::size_t j = 0; j < 32; ++j) e[i + j] = sign::rest(x[j], scale);
  }
}

template <Isa isa>
void keep_in_tile(const float* g, float* e, std::uint32_t* words) {
  alignas(64) float tile[block];
  const float scale = sum_of_magnitudes(Sums<float>{g, e, tile}, block) / block;
  emit<isa>(tile, scale, e, words);
}

template <Isa isa>
void keep_in_place(const float* g, float* e, std::uint32_t* words) {
  const float scale = sum_of_magnitudes(Sums<float>{g, e, e}, block) / block;
  emit<isa>(e, scale, e, words);
}

/// The library's with AVX2: a value's bit and its rest while it is in a register.
template <Isa isa>
void read_once_more(const float* g, float* e, std::uint32_t* words) {
  const float scale = sum_of_magnitudes(Sums<float>{g, e, e}, block) / block;
  for (std::size_t i = 0; i < block; i += 32) words[i / 32] = sign::split<isa>(e + i, scale, e + i);
}

/// Added once more, in registers.
template <class Rest>
void add_again(const float* g, const float* e, Rest rest, std::uint32_t* words) {
  const LazySums<float> sums{g, e};
  const float scale = sum_of_magnitudes(sums, block) / block;
  for (std::size_t i = 0; i < block; i += 32) {
    words[i / 32] = sign::split_avx512(sums, i, scale, rest);
  }
}

/// Sums and rests by a tile, which is written past the cache in runs.
template <Isa isa>
void stream_tile(const float* g, const float* e, float* to, std::uint32_t* words) {
  alignas(64) float tile[block];
  LineStream lines;
  const float scale = sum_of_magnitudes(Sums<float>{g, e, tile}, block) / block;
  for (std::size_t i = 0; i < block; i += 32) {
    words[i / 32] = sign::split<isa>(tile + i, scale, tile + i);
    if ((i + 32) % run_elements != 0) continue;
    const std::size_t begin = i + 32 - run_elements;
    lines.write(to + begin, tile + begin, run_elements * sizeof(float));
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::Ladder ladder(argc, argv);
  for (const std::size_t bytes : ladder.sizes()) {
    Arrays arrays(std::max(bytes / sizeof(float) / block, std::size_t{1}));
    float* const e = arrays.e.data();
    float* const to = arrays.apart.data();
    const std::size_t n = arrays.start.size();
    std::ranges::copy(arrays.start, e);
    const auto by_block = [&](auto target, const float* rests, auto method) {
      return [&, rests, method] {
        // What is read is written, too: calls that are checked begin with the same.
        const bool checked = arrays.words.front() == 0xA5A5A5A5;
        if (checked) std::ranges::copy(arrays.start, e);
        bench::compiled_for<decltype(target)::value>([&](auto) {
          for (std::size_t i = 0; i < n; i += block) method(i);
        });
        end_stream();
        if (checked) std::memcpy(arrays.rests.data(), rests, n * sizeof(float));
        return arrays.words.size();
      };
    };
    const auto by = [&](auto target, auto method) {
      return by_block(target, e, [&, method](std::size_t i) {
        method(&arrays.g[i], e + i, &arrays.words[i / 32]);
      });
    };
    const auto apart = [&](auto target, auto method) {
      return by_block(target, to, [&, method](std::size_t i) {
        method(&arrays.g[i], e + i, to + i, &arrays.words[i / 32]);
      });
    };
    using bench::avx2, bench::avx512, bench::scalar;
    ladder.climb(
        bytes, {bench::Output(arrays.words), bench::Output(arrays.rests)},
        {{"added twice", scalar, by(scalar, [](auto... a) { add_twice<scalar>(a...); })},
         {"added twice, AVX2", avx2, by(avx2, [](auto... a) { add_twice<avx2>(a...); })},
         {"a tile of sums, AVX2", avx2, by(avx2, [](auto... a) { keep_in_tile<avx2>(a...); })},
         {"sums in place, AVX2", avx2, by(avx2, [](auto... a) { keep_in_place<avx2>(a...); })},
         {"… read once more, AVX2", avx2, by(avx2, [](auto... a) { read_once_more<avx2>(a...); })},
         {"apart: a tile, streamed, AVX2", avx2,
          apart(avx2, [](auto... a) { stream_tile<avx2>(a...); })},
         {"added twice, AVX-512", avx512, by(avx512, [](auto... a) { add_twice<avx512>(a...); })},
         {"a tile of sums, AVX-512", avx512,
          by(avx512, [](auto... a) { keep_in_tile<avx512>(a...); })},
         {"sums in place, AVX-512", avx512,
          by(avx512, [](auto... a) { keep_in_place<avx512>(a...); })},
         {"… read once more, AVX-512", avx512,
          by(avx512, [](auto... a) { read_once_more<avx512>(a...); })},
         {"added in registers, AVX-512", avx512,
          by(avx512, [](const float* g, float* e, auto* words) { add_again(g, e, e, words); })},
         {"apart: a tile, streamed, AVX-512", avx512,
          apart(avx512, [](auto... a) { stream_tile<avx512>(a...); })},
         {"apart: from registers, AVX-512", avx512,
          apart(avx512, [](const float* g, const float* e, float* to, auto* words) {
            add_again(g, e, Streamed<float>{to}, words);
          })}});
  }
}
