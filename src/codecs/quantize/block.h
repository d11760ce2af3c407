/// \file
/// Quantize, one block; see blocks.h.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "base/isa.h"
#include "codecs/blocks.h"
#include "codecs/quantize/levels.h"
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
  template <class Levels, class LevelOf>
  void put(const Levels& levels, std::uint64_t begin, const Value* x, std::uint64_t n, Value* rest,
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
  template <Isa isa>
  void emit(IsaConstant<isa>, Value scale, std::uint64_t begin, const Value* x, std::uint64_t n,
            Value* rest) const {
    const LevelsOn<isa, Value> levels(scale, this->largest);
    this->put(levels, begin, x, n, rest,
              [&](std::uint64_t i) { return nearest_integer(levels.position_of(x[i])); });
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
  int largest;
  Planes<const std::byte> planes;
  std::int32_t largest_codes[group_elements] = {};  ///< by lane: one maximum would be a long chain

  template <Isa isa>
  void decode(IsaConstant<isa>, Value scale, std::uint64_t begin, std::uint64_t n,
              Value* __restrict x) {
    const LevelsOn<isa, Value> levels(scale, largest);
    std::uint64_t i = 0;
    planes.visit_bits([&](auto bits) {
      std::int32_t codes[group_elements], seen[group_elements];
      std::copy(largest_codes, largest_codes + group_elements, seen);
      for (; i + group_elements <= n; i += group_elements) {
        planes.template unpack<bits>(begin + i, codes);
        for (std::uint64_t j = 0; j < group_elements; ++j) {
          seen[j] = std::max(seen[j], codes[j]);
          x[i + j] = levels.value_of(levels.level_of(codes[j]));
        }
      }
      std::copy(seen, seen + group_elements, largest_codes);
    });
    if (i == n) return;
    std::int32_t codes[group_elements];
    planes.unpack_last(begin + i, n - i, codes);
    for (std::uint64_t j = 0; i + j < n; ++j) {
      largest_codes[j] = std::max(largest_codes[j], codes[j]);
      x[i + j] = levels.value_of(levels.level_of(codes[j]));
    }
  }

  void finish() const {
    const int code = *std::max_element(largest_codes, largest_codes + group_elements);
    require_intact(code <= 2 * largest, "quantize: code ", code, " exceeds ", 2 * largest);
  }
};

}  // namespace skimp::quantize
