/// \file
/// Codes of 8 bits with their residual, in place: a block is read for its scale and again for its
/// codes. When, and how far ahead of that is memory asked for what comes?

#include <algorithm>

#include "codecs/look_ahead.h"
#include "codecs/quantize/nearest.h"
#include "ladder.h"

namespace {

using namespace skimp;

constexpr std::size_t block = 256;

/// Whole blocks.
struct Arrays {
  explicit Arrays(std::size_t blocks)
      : g(bench::normal(blocks * block, 1)),
        start(bench::normal(blocks * block, 2)),
        e(start.size(), 1),
        rests(start.size()),
        scales(blocks),
        codes(start.size()) {}
  std::vector<float> g, start;
  bench::Lines e;
  std::vector<float> rests, scales;
  std::vector<std::byte> codes;
};

/// Of each block the scale, then the codes. Sums stay in the residual's place.
template <bool fetched, class Codes>
void one_by_one(Arrays& arrays, Codes&& codes) {
  for (std::size_t at = 0; at < arrays.g.size(); at += block) {
    float* const e = arrays.e.data() + at;
    const float scale = largest_magnitude(Sums<float>{&arrays.g[at], e, e}, block);
    arrays.scales[at / block] = scale;
    if (fetched) {
      fetch_ahead(&arrays.g[at], block * sizeof(float));
      fetch_ahead(e, block * sizeof(float));
    }
    codes(scale, e, &arrays.codes[at]);
  }
}

/// Plain code.
void divided(float scale, float* e, std::byte* codes) {
  const quantize::Levels<float, false> levels(scale, 127);
  for (std::size_t i = 0; i < block; ++i) {
    const float level = quantize::nearest_integer(levels.position_of(e[i]));
    codes[i] = static_cast<std::byte>(levels.code_of(level));
    e[i] -= levels.value_of(level);
  }
}

#if SKIMP_X86
using Groups = quantize::avx512::Nearest<8>;

[[gnu::target(SKIMP_TARGET_AVX512)]] void in_registers(float scale, float* e, std::byte* codes) {
  const Groups groups(scale);
  for (std::size_t i = 0; i < block; i += 32) {
    groups.encode(static_cast<const float*>(e), i, e, codes + i);
  }
}

/// As fetch_ahead_of_32, but to the second-level cache.
[[gnu::always_inline]] inline void fetch_to_second(const LazySums<float>& sums, std::size_t i) {
  for (std::size_t line = i; line < i + 32; line += 16) {
    __builtin_prefetch(sums.input + line + bytes_ahead / sizeof(float), 0, 2);
    __builtin_prefetch(sums.residual + line + bytes_ahead / sizeof(float), 0, 2);
  }
}

/// The codes of a block, and the scale of the next. Lines are fetched `ahead_by` bytes before they
/// are read; 0: not.
template <std::size_t ahead_by, bool to_second = false>
[[gnu::target(SKIMP_TARGET_AVX512)]] void together(Arrays& arrays) {
  const LazySums<float> sums{arrays.g.data(), arrays.e.data()};
  const std::size_t n = arrays.g.size();
  Groups::Scale ahead;
  for (std::size_t i = 0; i < block; i += 32) ahead.add(sums, i);
  for (std::size_t at = 0; at < n; at += block) {
    const float scale = ahead.of(block);
    arrays.scales[at / block] = scale;
    const Groups groups(scale);
    ahead = {};
    const std::size_t next = std::min(at + block, n - block);
    for (std::size_t i = 0; i < block; i += 32) {
      if (to_second) {
        fetch_to_second(sums, next + i);
      } else if (ahead_by > 0) {
        fetch_ahead_of_32(sums, next + i + ahead_by / sizeof(float) - bytes_ahead / sizeof(float));
      }
      ahead.add(sums, next + i);
      groups.encode(sums, at + i, arrays.e.data(), &arrays.codes[at + i]);
    }
  }
}

[[gnu::target(SKIMP_TARGET_AVX512)]] void of_the_library(Arrays& arrays) {
  const LazySums<float> sums{arrays.g.data(), arrays.e.data()};
  skimp::avx512::encode_blocks<Groups>(sums, arrays.e.data(), 0, arrays.g.size(), block,
                                       reinterpret_cast<std::byte*>(arrays.scales.data()),
                                       arrays.codes.data());
}
#endif

}  // namespace

int main(int argc, char** argv) {
  bench::Ladder ladder(argc, argv);
  for (const std::size_t bytes : ladder.sizes()) {
    Arrays arrays(std::max(bytes / sizeof(float) / block, std::size_t{1}));
    const auto by = [&](auto target, auto method) {
      return [&, method] {
        // What is read is written, too: calls that are checked begin with the same.
        const bool checked = arrays.codes.front() == std::byte{0xA5};
        if (checked) std::ranges::copy(arrays.start, arrays.e.data());
        bench::compiled_for<decltype(target)::value>([&](auto) { method(arrays); });
        if (checked) std::copy_n(arrays.e.data(), arrays.rests.size(), arrays.rests.data());
        return arrays.codes.size();
      };
    };
    std::vector<bench::Rung> rungs = {
        {"scale, then codes", Isa::scalar,
         by(bench::scalar, [](Arrays& all) { one_by_one<false>(all, divided); })}};
#if SKIMP_X86
    const auto by_512 = [&](const char* name, auto method) {
      rungs.push_back({name, Isa::avx512, by(bench::avx512, method)});
    };
    by_512("… in registers, AVX-512", [](Arrays& all) { one_by_one<false>(all, in_registers); });
    by_512("… fetched 4 KiB ahead", [](Arrays& all) { one_by_one<true>(all, in_registers); });
    by_512("codes and the next scale at once", together<0>);
    by_512("… fetched 1 KiB ahead", together<1024>);
    by_512("… 2 KiB", together<2048>);
    by_512("… 4 KiB, the library's", of_the_library);
    by_512("… 16 KiB", together<16384>);
    by_512("… 4 KiB, to the second-level cache", together<4096, true>);
#endif
    ladder.climb(bytes, {bench::Output(arrays.codes), bench::Output(arrays.rests)}, rungs);
  }
}
