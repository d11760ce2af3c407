/// \file
/// One bit a value, set where it is negative.

#include "codecs/sign_bits.h"

#include "ladder.h"

namespace {

using namespace skimp;

void byte_by_byte(const float* x, std::size_t n, std::uint32_t* words) {
  auto* bytes = reinterpret_cast<std::uint8_t*>(words);
  for (std::size_t i = 0; i < n; i += 8) {
    unsigned byte = 0;
    for (unsigned j = 0; j < 8; ++j) byte |= std::bit_cast<std::uint32_t>(x[i + j]) >> 31 << j;
    bytes[i / 8] = static_cast<std::uint8_t>(byte);
  }
}

/// The obvious loop over a word: each lane has a shift of its own.
void word_by_shifts(const float* x, std::size_t n, std::uint32_t* words) {
  for (std::size_t i = 0; i < n; i += 32) {
    std::uint32_t word = 0;
    for (unsigned j = 0; j < 32; ++j) word |= std::bit_cast<std::uint32_t>(x[i + j]) >> 31 << j;
    words[i / 32] = word;
  }
}

/// The library's: with `how` scalar its loop over lane_bits, else an instruction for it.
template <Isa how>
void library(const float* x, std::size_t n, std::uint32_t* words) {
  for (std::size_t i = 0; i < n; i += 32) words[i / 32] = sign_bits<how>(x + i);
}

}  // namespace

int main(int argc, char** argv) {
  bench::Ladder ladder(argc, argv);
  for (const std::size_t bytes : ladder.sizes()) {
    const std::size_t n = bytes / sizeof(float) / 32 * 32;
    const std::vector<float> x = bench::normal(n);
    std::vector<std::uint32_t> words(n / 32);
    const auto run = [&](auto target, auto method) {
      return [&, method] {
        bench::compiled_for<decltype(target)::value>(
            [&](auto) { method(x.data(), n, words.data()); });
        return words.size();
      };
    };
    using bench::avx2, bench::avx512, bench::scalar;
    ladder.climb(
        bytes, {bench::Output(words)},
        {{"byte by byte", scalar, run(scalar, [](auto... a) { byte_by_byte(a...); })},
         {"word by shifts", scalar, run(scalar, [](auto... a) { word_by_shifts(a...); })},
         {"word by shifts, AVX2", avx2, run(avx2, [](auto... a) { word_by_shifts(a...); })},
         {"lane_bits", scalar, run(scalar, [](auto... a) { library<Isa::scalar>(a...); })},
         {"lane_bits, AVX2", avx2, run(avx2, [](auto... a) { library<Isa::scalar>(a...); })},
         {"movemask, AVX2", avx2, run(avx2, [](auto... a) { library<Isa::avx2>(a...); })},
         {"mask register, AVX-512", avx512,
          run(avx512, [](auto... a) { library<Isa::avx512>(a...); })}});
  }
}
