/// \file
/// The values whose magnitude exceeds a bound, one in a hundred, and where they were.

#include <cmath>
#include <cstdint>

#include "codecs/topk/collect.h"
#include "codecs/topk/collect_avx512.h"
#include "ladder.h"

namespace {

using namespace skimp;
using List = topk::List<float>;

void branch(const float* x, std::size_t n, float bound, List& list) {
  for (std::size_t i = 0; i < n; ++i) {
    if (std::abs(x[i]) > bound) list.push(x[i], static_cast<std::uint32_t>(i));
  }
}

/// Always writes, and moves on if that was right.
void append(const float* x, std::size_t n, float bound, List& list) {
  for (std::size_t i = 0; i < n; ++i) {
    list.values[list.size] = x[i];
    list.indices[list.size] = static_cast<std::uint32_t>(i);
    list.size += std::abs(x[i]) > bound;
  }
}

/// The library's: comparisons as a word of 64 bits, whose set bits are written two at a time.
template <Isa isa>
void library(const float* x, std::size_t n, float bound, List& list) {
  const auto key = topk::loose_key_of(bound);
  for (std::size_t i = 0; i < n; i += tile_elements) {
    const auto first = static_cast<std::uint32_t>(i);
    topk::append_above<isa>(x + i, std::min(tile_elements, n - i), key, first, list);
  }
}

#if SKIMP_X86
/// Row m: where the lanes of mask m are, in order; then anything.
constexpr auto lanes_of = [] {
  std::array<std::array<std::uint32_t, 8>, 256> table{};
  for (unsigned mask = 0; mask < 256; ++mask) {
    for (unsigned lane = 0, at = 0; lane < 8; ++lane) {
      if (mask >> lane & 1) table[mask][at++] = lane;
    }
  }
  return table;
}();

/// Eight at a time, those wanted moved to the front by a permutation. n is a multiple of 8.
template <bool skips_none>
[[gnu::target(SKIMP_TARGET_AVX2)]] void permute(const float* x, std::size_t n, float bound,
                                                List& list) {
  const __m256 bounds = _mm256_set1_ps(bound), sign = _mm256_set1_ps(-0.0f);
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  for (std::size_t i = 0; i < n; i += 8) {
    const __m256 values = _mm256_loadu_ps(x + i);
    const __m256 above = _mm256_cmp_ps(_mm256_andnot_ps(sign, values), bounds, _CMP_GT_OQ);
    const auto mask = static_cast<unsigned>(_mm256_movemask_ps(above));
    if (skips_none && mask == 0) continue;
    const __m256i order =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lanes_of[mask].data()));
    const __m256i indices = _mm256_add_epi32(lanes, _mm256_set1_epi32(static_cast<int>(i)));
    _mm256_storeu_ps(list.values + list.size, _mm256_permutevar8x32_ps(values, order));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(list.indices + list.size),
                        _mm256_permutevar8x32_epi32(indices, order));
    list.size += static_cast<unsigned>(std::popcount(mask));
  }
}

/// The instruction for it: sixteen at a time. n is a multiple of 16. (Compressed in a register and
/// stored whole: storing compressed is microcode on some processors.)
[[gnu::target(SKIMP_TARGET_AVX512)]] void compress(const float* x, std::size_t n, float bound,
                                                   List& list) {
  const __m512 bounds = _mm512_set1_ps(bound);
  __m512i indices = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (std::size_t i = 0; i < n; i += 16) {
    const __m512 values = _mm512_loadu_ps(x + i);
    const __mmask16 mask = _mm512_cmp_ps_mask(_mm512_abs_ps(values), bounds, _CMP_GT_OQ);
    _mm512_storeu_ps(list.values + list.size, _mm512_maskz_compress_ps(mask, values));
    _mm512_storeu_si512(list.indices + list.size, _mm512_maskz_compress_epi32(mask, indices));
    list.size += static_cast<unsigned>(std::popcount(static_cast<unsigned>(mask)));
    indices = _mm512_add_epi32(indices, _mm512_set1_epi32(16));
  }
}

/// The library's with AVX-512, whole groups of 64.
void in_registers(const float* x, std::size_t n, float bound, List& list) {
  const auto key = topk::loose_key_of(bound);
  topk::avx512::append_above(x, Nowhere{}, n, key, 0, n, list);
}
#endif

float bound_of_largest(std::vector<float> magnitudes, std::size_t kept) {
  for (float& value : magnitudes) value = std::abs(value);
  const auto nth = magnitudes.begin() + static_cast<long>(kept);
  std::ranges::nth_element(magnitudes, nth, std::greater{});
  return *nth;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Ladder ladder(argc, argv);
  for (const std::size_t bytes : ladder.sizes()) {
    const std::size_t n = bytes / sizeof(float) / 64 * 64;
    const std::vector<float> x = bench::normal(n);
    const float bound = bound_of_largest(x, n / 100);
    std::vector<float> values(n + topk::list_slack);
    std::vector<std::uint32_t> indices(n + topk::list_slack);
    const auto run = [&](auto target, auto method) {
      return [&, method] {
        List list{values.data(), indices.data()};
        bench::compiled_for<decltype(target)::value>(
            [&](auto isa) { method(isa, x.data(), n, bound, list); });
        return list.size;
      };
    };
    using bench::avx2, bench::avx512, bench::scalar;
    const auto by_library = [](auto isa, auto&&... a) { library<decltype(isa)::value>(a...); };
    ladder.climb(
        bytes, {bench::Output(values), bench::Output(indices)},
        {
            {"branch", scalar, run(scalar, [](auto, auto&&... a) { branch(a...); })},
            {"branch-free append", scalar, run(scalar, [](auto, auto&&... a) { append(a...); })},
            {"bits of a word", scalar, run(scalar, by_library)},
            {"bits of a word, AVX2", avx2, run(avx2, by_library)},
#if SKIMP_X86
            {"permute by table, AVX2", avx2,
             run(avx2, [](auto, auto&&... a) { permute<false>(a...); })},
            {"… unless none is wanted", avx2,
             run(avx2, [](auto, auto&&... a) { permute<true>(a...); })},
            {"bits of a word, AVX-512", avx512, run(avx512, by_library)},
            {"… by intrinsics, fetched ahead", avx512,
             run(avx512, [](auto, auto&&... a) { in_registers(a...); })},
            {"compress, AVX-512", avx512, run(avx512, [](auto, auto&&... a) { compress(a...); })},
#endif
        });
  }
}
