#include "base/checksum.h"

#include <algorithm>

#include "base/fetch.h"
#include "base/isa.h"
#include "base/stream.h"

#if SKIMP_X86
#include <immintrin.h>
#endif

namespace skimp {
namespace {

#if SKIMP_X86
/// The sum of products of 8·lines groups from `first` on. Compilers do not find that a vector of
/// words, shifted and multiplied by itself, has all the products in place, and with one sum in
/// place of two each vector would wait for the one before.
[[gnu::target(SKIMP_TARGET_AVX2)]] std::uint64_t sum_of_lines(const std::byte* bytes,
                                                              std::uint64_t lines,
                                                              std::uint64_t first) {
  const __m256i key_step = _mm256_set1_epi32(static_cast<int>(checksum_key_step));
  const __m256i half = _mm256_slli_epi32(key_step, 3);
  const __m256i step = _mm256_slli_epi32(key_step, 4);
  const __m256i begin = _mm256_set1_epi32(static_cast<int>(2 * first));
  const __m256i lanes = _mm256_add_epi32(begin, _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 8));
  __m256i keys[2] = {_mm256_mullo_epi32(lanes, key_step)};
  keys[1] = _mm256_add_epi32(keys[0], half);
  __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  for (std::uint64_t i = 0; i < lines; ++i) {
    const auto* from = reinterpret_cast<const __m256i*>(bytes + 64 * i);
    fetch_ahead(from);
    for (int h = 0; h < 2; ++h) {
      const __m256i words = _mm256_add_epi32(_mm256_loadu_si256(from + h), keys[h]);
      sums[h] = _mm256_add_epi64(sums[h], _mm256_mul_epu32(words, _mm256_srli_epi64(words, 32)));
      keys[h] = _mm256_add_epi32(keys[h], step);
    }
  }
  alignas(32) std::uint64_t sum[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(sum), _mm256_add_epi64(sums[0], sums[1]));
  return sum[0] + sum[1] + sum[2] + sum[3];
}
#endif

}  // namespace

std::uint64_t sum_of_products(Bytes bytes, std::uint64_t first) {
  const std::uint64_t groups = bytes.size() / 8;
  std::uint64_t sum = 0, begin = 0;
#if SKIMP_X86
  if (current_isa() >= Isa::avx2) {
    begin = groups / 8 * 8;
    sum = sum_of_lines(bytes.data(), groups / 8, first);
  }
#endif
  for (std::uint64_t j = begin; j < groups; ++j) {
    sum += checksum_product(load<std::uint64_t>(bytes.data() + 8 * j), first + j);
  }
  if (const std::size_t rest = bytes.size() % 8; rest != 0) {
    std::uint64_t pair = 0;
    std::memcpy(&pair, bytes.data() + 8 * groups, rest);
    sum += checksum_product(pair, first + groups);
  }
  return sum;
}

std::uint64_t copy_with_products(MutableBytes to, Bytes from, bool streamed) {
  constexpr std::uint64_t tile_bytes = 4096;
  std::uint64_t sum = 0;
  LineStream lines;
  for (std::uint64_t at = 0; at < from.size(); at += tile_bytes) {
    const Bytes tile = from.subspan(at, std::min(tile_bytes, from.size() - at));
    sum += sum_of_products(tile, at / 8);
    if (streamed) {
      lines.write(to.data() + at, tile.data(), tile.size());
    } else {
      std::memcpy(to.data() + at, tile.data(), tile.size());
    }
  }
  if (streamed) lines.end();
  return sum;
}

}  // namespace skimp
