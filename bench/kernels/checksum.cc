/// \file
/// The checksum of a frame: Σ (w[2j] + K(2j)) · (w[2j+1] + K(2j+1)), as base/checksum.h defines it.

#include "base/checksum.h"

#include "ladder.h"

namespace {

using namespace skimp;

constexpr std::uint32_t key_step = 0x9E3779B1u;

/// n is even.
std::uint64_t word_by_word(const std::uint32_t* w, std::size_t n) {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < n; i += 2) {
    const std::uint32_t low = w[i] + (i + 1) * key_step;
    const std::uint32_t high = w[i + 1] + (i + 2) * key_step;
    sum += std::uint64_t{low} * high;
  }
  return sum;
}

/// Two words are one load: nothing to gather from every other place.
std::uint64_t pair_by_pair(const std::uint32_t* w, std::size_t n) {
  std::uint64_t sum = 0;
  for (std::uint64_t j = 0; j < n / 2; ++j) {
    std::uint64_t pair;
    std::memcpy(&pair, w + 2 * j, sizeof pair);
    const std::uint32_t key = static_cast<std::uint32_t>(2 * j + 1) * key_step;
    const std::uint32_t low = static_cast<std::uint32_t>(pair) + key;
    const std::uint32_t high = static_cast<std::uint32_t>(pair >> 32) + key + key_step;
    sum += std::uint64_t{low} * high;
  }
  return sum;
}

/// With vectors: a vector of words, shifted and multiplied by itself, has the products in place.
std::uint64_t library(const std::uint32_t* w, std::size_t n) {
  return sum_of_products(std::as_bytes(std::span(w, n)));
}

}  // namespace

int main(int argc, char** argv) {
  bench::Ladder ladder(argc, argv);
  for (const std::size_t bytes : ladder.sizes()) {
    const std::size_t n = bytes / sizeof(std::uint32_t) / 2 * 2;
    std::vector<std::uint32_t> words(n);
    std::mt19937 random(1);
    for (std::uint32_t& word : words) word = static_cast<std::uint32_t>(random());
    std::vector<std::uint64_t> sum(1);
    const auto run = [&](auto target, auto method) {
      return [&, method] {
        bench::compiled_for<decltype(target)::value>(
            [&](auto) { sum[0] = method(words.data(), n); });
        return sum.size();
      };
    };
    using bench::avx2, bench::avx512, bench::scalar;
    const auto by_words = [](auto... a) { return word_by_word(a...); };
    const auto by_pairs = [](auto... a) { return pair_by_pair(a...); };
    ladder.climb(bytes, {bench::Output(sum)},
                 {{"word by word", scalar, run(scalar, by_words)},
                  {"pair by pair", scalar, run(scalar, by_pairs)},
                  {"word by word, AVX2", avx2, run(avx2, by_words)},
                  {"pair by pair, AVX2", avx2, run(avx2, by_pairs)},
                  {"pair by pair, AVX-512", avx512, run(avx512, by_pairs)},
                  {"products in place, AVX2", avx2, run(scalar, library)}});
  }
}
