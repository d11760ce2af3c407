/// \file
/// Sign, one block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "base/bytes.h"
#include "codecs/blocks.h"
#include "codecs/sign/bits.h"

namespace skimp::sign {

/// See blocks.h. Bit i of the bit string is set for a negative value (−0 too).
template <class Value>
struct Encoder {
  std::byte* bits;

  template <class Values>
  Value scale_of(const Values& x, std::uint64_t n) const {
    return sum_of_magnitudes(x, n) / static_cast<Value>(n);
  }

#if SKIMP_X86
  template <class Visitor>
  void visit_groups(std::uint64_t begin, Visitor&& visitor) const {
    visitor(std::type_identity<avx512::Groups>{}, bits + begin / 8);
  }
#endif

  template <Isa isa>
  void emit(IsaConstant<isa>, Value scale, std::uint64_t begin, const Value* x, std::uint64_t n,
            Value* rest) const {
    std::byte* to = bits + begin / 8;
    std::uint64_t i = 0;
    for (; i + 32 <= n; i += 32) store(to + i / 8, split<isa>(x + i, scale, rest + i));
    if (i == n) return;
    Value last[32] = {};
    for (std::uint64_t j = 0; i + j < n; ++j) last[j] = x[i + j];
    const std::uint32_t word = split<isa>(last, scale, last);
    std::memcpy(to + i / 8, &word, bytes_of_bits(n - i));
    std::copy(last, last + (n - i), rest + i);
  }

  void erase(std::uint64_t begin, std::uint64_t n) const {
    std::memset(bits + begin / 8, 0, bytes_of_bits(n));
  }
};

template <class Value>
struct Decoder {
  static constexpr bool proportional = true;
  const std::byte* bits;

  template <bool add = false, Isa isa>
  void decode(IsaConstant<isa>, Value scale, std::uint64_t begin, std::uint64_t n,
              Value* __restrict x) const {
    const std::byte* from = bits + begin / 8;
    std::uint64_t i = 0;
    for (; i + 32 <= n; i += 32) apply_signs<add>(load<std::uint32_t>(from + i / 8), scale, x + i);
    if (i == n) return;
    std::uint32_t word = 0;
    Value last[32] = {};
    std::memcpy(&word, from + i / 8, bytes_of_bits(n - i));
    if (add) std::copy(x + i, x + n, last);
    apply_signs<add>(word, scale, last);
    std::copy(last, last + (n - i), x + i);
  }

  template <Isa isa>
  void add(IsaConstant<isa> set, Value scale, std::uint64_t begin, std::uint64_t n,
           Value* x) const {
    decode<true>(set, scale, begin, n, x);
  }

  void finish() const {}  // All bits are possible.
};

}  // namespace skimp::sign
