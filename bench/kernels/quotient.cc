/// \file
/// level / L, right to the last bit: in the encode loop of 8-bit codes, where x / scale · L is a
/// division already, and in the decode loop, level / L · scale. A product with 1 / L and one fused
/// step gives the same bits.

#include <array>
#include <cmath>
#include <cstdint>

#include "codecs/quantize/levels.h"
#include "codecs/quantize/nearest.h"
#include "ladder.h"

namespace {

using namespace skimp;

constexpr std::size_t block = 256;
constexpr int largest = 127;

/// Whole blocks.
struct Arrays {
  explicit Arrays(std::size_t blocks)
      : x(bench::normal(blocks * block)), out(x.size()), scales(blocks), codes(x.size()) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      scales[i / block] = std::max(scales[i / block], std::abs(x[i]));
    }
  }
  std::vector<float> x, out, scales;
  std::vector<std::uint8_t> codes;
};

using Divided = quantize::Levels<float, false>;
using Fused = quantize::Levels<float, true>;

/// Codes, and what they leave of the values.
template <class Levels>
void encode(Arrays& arrays) {
  const float* x = arrays.x.data();
  std::uint8_t* __restrict codes = arrays.codes.data();
  float* __restrict rest = arrays.out.data();
  for (const float scale : arrays.scales) {
    const Levels levels(scale, largest);
    for (std::size_t i = 0; i < block; ++i) {
      const float level = quantize::nearest_integer(levels.position_of(x[i]));
      codes[i] = levels.code_of(level);
      rest[i] = x[i] - levels.value_of(level);
    }
    x += block;
    codes += block;
    rest += block;
  }
}

#if SKIMP_X86
/// The library's: x / scale by products, too, and codes packed from registers.
void encode_in_registers(Arrays& arrays) {
  for (std::size_t begin = 0; begin < arrays.x.size(); begin += block) {
    const quantize::avx512::Nearest<8> nearest(arrays.scales[begin / block]);
    auto* codes = reinterpret_cast<std::byte*>(&arrays.codes[begin]);
    for (std::size_t i = 0; i < block; i += 32) {
      nearest.encode(&arrays.x[begin], i, &arrays.out[begin], codes + i);
    }
  }
}
#else
void encode_in_registers(Arrays& arrays) { encode<Fused>(arrays); }
#endif

template <class Levels>
void decode(Arrays& arrays) {
  const std::uint8_t* codes = arrays.codes.data();
  float* __restrict out = arrays.out.data();
  for (const float scale : arrays.scales) {
    const Levels levels(scale, largest);
    for (std::size_t i = 0; i < block; ++i) out[i] = levels.value_of(levels.level_of(codes[i]));
    codes += block;
    out += block;
  }
}

/// The quotients of all codes, looked up.
void decode_by_table(Arrays& arrays) {
  static const auto quotients = [] {
    std::array<float, 256> table{};
    for (int code = 0; code < 256; ++code) {
      table[static_cast<unsigned>(code)] = static_cast<float>(code - largest) / largest;
    }
    return table;
  }();
  const std::uint8_t* codes = arrays.codes.data();
  float* __restrict out = arrays.out.data();
  for (const float scale : arrays.scales) {
    for (std::size_t i = 0; i < block; ++i) out[i] = quotients[codes[i]] * scale;
    codes += block;
    out += block;
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::Ladder ladder(argc, argv);
  for (const std::size_t bytes : ladder.sizes()) {
    Arrays arrays(bytes / sizeof(float) / block);
    const auto run = [&](auto target, auto method) {
      return [&, method] {
        bench::compiled_for<decltype(target)::value>([&](auto) { method(arrays); });
        return arrays.x.size();
      };
    };
    using bench::avx2, bench::avx512, bench::scalar;
    const auto divide = [](Arrays& a) { encode<Divided>(a); };
    const auto fuse = [](Arrays& a) { encode<Fused>(a); };
    const auto in_registers = [](Arrays& a) { encode_in_registers(a); };
    ladder.climb(bytes, {bench::Output(arrays.codes), bench::Output(arrays.out)},
                 {{"encode: division", scalar, run(scalar, divide)},
                  {"encode: division, AVX2", avx2, run(avx2, divide)},
                  {"encode: fused step, AVX2", avx2, run(avx2, fuse)},
                  {"encode: division, AVX-512", avx512, run(avx512, divide)},
                  {"encode: fused step, AVX-512", avx512, run(avx512, fuse)},
                  {"encode: in registers, AVX-512", avx512, run(avx512, in_registers)}});
    const auto divide_back = [](Arrays& a) { decode<Divided>(a); };
    const auto fuse_back = [](Arrays& a) { decode<Fused>(a); };
    const auto look_up = [](Arrays& a) { decode_by_table(a); };
    ladder.climb(bytes, {bench::Output(arrays.out)},
                 {{"decode: division", scalar, run(scalar, divide_back)},
                  {"decode: table", scalar, run(scalar, look_up)},
                  {"decode: division, AVX2", avx2, run(avx2, divide_back)},
                  {"decode: fused step, AVX2", avx2, run(avx2, fuse_back)},
                  {"decode: division, AVX-512", avx512, run(avx512, divide_back)},
                  {"decode: fused step, AVX-512", avx512, run(avx512, fuse_back)}});
  }
}
