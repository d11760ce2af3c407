/// \file
/// Quantize, one block; see blocks.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "base/error.h"
#include "base/isa.h"
#include "codecs/blocks.h"
#include "codecs/quantize/levels.h"
#include "codecs/quantize/lookup.h"
#include "codecs/quantize/nearest.h"
#include "codecs/quantize/planes.h"
#include "codecs/random_words.h"

namespace skimp::quantize {

/// Dividers take no more of a wide vector at once than of two halves, multipliers do: level / L is
/// formed by products with AVX-512 (bench/kernels/quotient.cc).
template <Isa isa, class Value>
using LevelsOn = Levels<Value, isa == Isa::avx512>;

/// What the encoders share: the scale of a block is its largest magnitude.
template <class Value>
struct Encoder {
  int largest;  ///< L
  Planes<std::byte> planes;

  template <class Values>
  Value scale_of(const Values& x, std::uint64_t n) const {
    return largest_magnitude(x, n);
  }

  void erase(std::uint64_t begin, std::uint64_t n) const {
    alignas(64) std::uint8_t tile[run_elements];
    std::uint8_t* codes = planes.room(begin, tile);
    std::fill(codes, codes + n, std::uint8_t{0});
    planes.pack(begin, n, codes);
  }

  /// Puts the codes of the levels level_of(i), and what they leave of x.
  template <class Levels, class Values, class LevelOf>
  void put(const Levels& levels, std::uint64_t begin, const Values& x, std::uint64_t n, Value* rest,
           LevelOf&& level_of) const {
    alignas(64) std::uint8_t tile[run_elements];
    std::uint8_t* __restrict codes = planes.room(begin, tile);
#pragma GCC ivdep
    for (std::uint64_t i = 0; i < n; ++i) {
      const Value level = level_of(i);
      codes[i] = levels.code_of(level);
      rest[i] = x[i] - levels.value_of(level);
    }
    planes.pack(begin, n, codes);
  }
};

/// Rounds to the nearest level.
template <class Value>
struct NearestEncoder : Encoder<Value> {
#if SKIMP_X86
  template <class Visitor>
  void visit_groups(std::uint64_t begin, Visitor&& visitor) const {
    this->planes.visit_bits([&](auto bits) {
      if constexpr (bits != 3) {
        visitor(std::type_identity<avx512::Nearest<bits>>{}, this->planes.at(begin));
      }
    });
  }
#endif

  template <Isa isa>
  void emit(IsaConstant<isa>, Value scale, std::uint64_t begin, const Value* x, std::uint64_t n,
            Value* rest) const {
    std::uint64_t done = 0;
#if SKIMP_X86
    if constexpr (isa == Isa::avx512 && sizeof(Value) == 4) {
      visit_groups(begin, [&](auto type, std::byte* codes) {
        using Groups = typename decltype(type)::type;
        if (!Groups::takes(scale)) return;
        const Groups groups(scale);
        for (; done + group_elements <= n; done += group_elements) {
          groups.encode(x, done, rest, codes + done / 8 * Groups::bits);
        }
      });
    }
#endif
    if (done == n) return;
    const LevelsOn<isa, Value> levels(scale, this->largest);
    this->put(levels, begin + done, x + done, n - done, rest + done,
              [&](std::uint64_t i) { return nearest_integer(levels.position_of(x[done + i])); });
  }
};

/// Rounds up with the probability of the fraction. Element i of the whole array uses the random
/// word i.
template <class Value>
struct StochasticEncoder : Encoder<Value> {
  ElementWords words;

  template <Isa isa>
  void emit(IsaConstant<isa>, Value scale, std::uint64_t begin, const Value* x, std::uint64_t n,
            Value* rest) const {
    alignas(64) std::uint32_t drawn[ElementWords::room];
    const std::uint32_t* word = words.draw_run(begin, n, drawn);
    const LevelsOn<isa, Value> levels(scale, this->largest);
    this->put(levels, begin, x, n, rest,
              [&](std::uint64_t i) { return random_integer(levels.position_of(x[i]), word[i]); });
  }
};

/// Codes are checked when all have been decoded: a corrupt payload leaves nonsense in the output.
template <class Value>
struct Decoder {
  static constexpr bool proportional = true;
  Planes<const std::byte> planes;
  std::int32_t largest_code = 0;

  template <Isa isa>
  void decode(IsaConstant<isa>, Value scale, std::uint64_t begin, std::uint64_t n,
              Value* __restrict x) {
    planes.visit_bits([&](auto bits) {
      const LevelsOn<isa, Value> levels(scale, largest_level(bits));
#if SKIMP_X86
      if constexpr (isa == Isa::avx512 && sizeof(Value) == 4 && (bits == 2 || bits == 4)) {
        if (n % group_elements == 0) return look_up<bits>(levels, begin, n, x);
      }
#endif
      std::int32_t largest = largest_code;
      planes.template visit_codes<bits>(
          begin, n, [&](std::uint64_t i, std::uint64_t m, const auto* __restrict codes) {
            for (std::uint64_t j = 0; j < m; ++j) {
              largest = std::max(largest, std::int32_t{codes[j]});
            }
            for (std::uint64_t j = 0; j < m; ++j) {
              x[i + j] = levels.value_of(levels.level_of(codes[j]));
            }
          });
      largest_code = largest;
    });
  }

#if SKIMP_X86
  template <int bits, class Levels>
  void look_up(const Levels& levels, std::uint64_t begin, std::uint64_t n, Value* x) {
    alignas(64) Value table[16];
    for (int i = 0; i < 16; ++i) table[i] = levels.value_of(levels.level_of(i % (1 << bits)));
    if (!avx512::decode_by_table<bits>(planes.at(begin), n, table, x)) {
      largest_code = (1 << bits) - 1;
    }
  }
#endif

  void finish() const {
    const int largest = 2 * largest_level(planes.bits());
    require_intact(largest_code <= largest, "quantize: code ", largest_code, " exceeds ", largest);
  }
};

}  // namespace skimp::quantize
