/// \file
/// The checksum of a frame: Σ (w[2j] + K(2j)) · (w[2j+1] + K(2j+1)), as base/checksum.h defines it.

#include "base/checksum.h"

#include "base/fetch.h"
#include "base/isa.h"
#include "ladder.h"

#if SKIMP_X86
#include <immintrin.h>
#endif

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

#if SKIMP_X86
/// A vector of words, shifted and multiplied by itself, has the products in place. Each adds to the
/// sum of the one before.
[[gnu::target("avx2")]] std::uint64_t vector_by_vector(const std::uint32_t* w, std::size_t n) {
  const __m256i key_steps = _mm256_set1_epi32(static_cast<int>(key_step));
  const __m256i step = _mm256_slli_epi32(key_steps, 3);
  __m256i keys = _mm256_mullo_epi32(_mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 8), key_steps);
  __m256i sums = _mm256_setzero_si256();
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const auto* from = reinterpret_cast<const __m256i*>(w + i);
    fetch_ahead(from);
    const __m256i words = _mm256_add_epi32(_mm256_loadu_si256(from), keys);
    sums = _mm256_add_epi64(sums, _mm256_mul_epu32(words, _mm256_srli_epi64(words, 32)));
    keys = _mm256_add_epi32(keys, step);
  }
  alignas(32) std::uint64_t sum[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(sum), sums);
  return sum[0] + sum[1] + sum[2] + sum[3] +
         sum_of_products(std::as_bytes(std::span(w + i, n - i)), i / 2);
}
#endif

/// The same by lines of the cache, each half with a sum of its own.
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
#if SKIMP_X86
                  {"products in place, AVX2", avx2, run(scalar, vector_by_vector)},
#endif
                  {"… a line at a time, AVX2", avx2, run(scalar, library)}});
  }
}
