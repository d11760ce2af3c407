#include "collectives/mix/move.h"

#include <algorithm>

#include "base/isa.h"
#include "codecs/elements.h"
#include "collectives/mix/element.h"

namespace skimp {
namespace {

template <class Value>
void begin(const Move& move) {
  auto* __restrict own = static_cast<Value*>(move.own);
  std::byte* __restrict broken = move.broken;
  on_isa([&](auto) {
    for (std::uint64_t i = 0; i < move.count; ++i) {
      broken[i] = static_cast<std::byte>(!is_finite(own[i]));
      own[i] = finite_or_zero(own[i]);
    }
  });
  auto* difference = static_cast<Value*>(move.difference);
  auto* lost = static_cast<Value*>(move.lost);
  if (move.before.difference == nullptr) {
    std::fill_n(difference, move.count, Value{0});
    std::fill_n(lost, move.count, Value{0});
  } else {
    std::copy_n(static_cast<const Value*>(move.before.difference), move.count, difference);
    std::copy_n(static_cast<const Value*>(move.before.lost), move.count, lost);
  }
}

template <class Value>
void add(const Move& move, Value weight) {
  const auto* __restrict own = static_cast<const Value*>(move.own);
  const auto* __restrict theirs = static_cast<const Value*>(move.theirs);
  auto* __restrict difference = static_cast<Value*>(move.difference);
  auto* __restrict lost = static_cast<Value*>(move.lost);
  std::byte* __restrict broken = move.broken;
  on_isa([&](auto) {
    for (std::uint64_t i = 0; i < move.count; ++i) {
      broken[i] |= static_cast<std::byte>(!is_finite(theirs[i]));
      mix::add(weight * (finite_or_zero(theirs[i]) - own[i]), difference[i], lost[i]);
    }
  });
}

template <class Value>
void finish(const Move& move) {
  const auto step = static_cast<Value>(move.step_size);
  const auto* own = static_cast<const Value*>(move.own);
  auto* __restrict difference = static_cast<Value*>(move.difference);
  auto* __restrict lost = static_cast<Value*>(move.lost);
  const std::byte* broken = move.broken;
  on_isa([&](auto) {
    for (std::uint64_t i = 0; i < move.count; ++i) mix::carry(difference[i], lost[i]);
    const Source<Value> input(move.input, move.dtype);
    const Sink<Value> output({move.output, move.dtype});
    alignas(64) Value tile[tile_elements];
    for_each_tile(input, move.count, [&](std::uint64_t at, std::uint64_t n, const Value* x) {
      for (std::uint64_t i = 0; i < n; ++i) {
        const Value moved = x[i] + step * difference[at + i];
        tile[i] = broken[at + i] == std::byte{0} ? moved : canonical_nan<Value>();
      }
      output.put(at, n, tile);
    });
    if (move.after.difference == nullptr) return;
    const auto* before = static_cast<const Value*>(move.before.minus_copy);
    auto* minus_copy = static_cast<Value*>(move.after.minus_copy);
    auto* next_difference = static_cast<Value*>(move.after.difference);
    auto* next_lost = static_cast<Value*>(move.after.lost);
    for (std::uint64_t i = 0; i < move.count; ++i) {
      minus_copy[i] = finite_or_zero(before[i] - own[i]);
      next_difference[i] = finite_or_zero(difference[i]);
      next_lost[i] = finite_or_zero(lost[i]);
    }
  });
}

}  // namespace

void begin_move(const Move& move) {
  visit_accumulator(move.dtype, [&](auto value) { begin<decltype(value)>(move); });
}

void add_edge(const Move& move, double weight) {
  visit_accumulator(move.dtype,
                    [&](auto value) { add(move, static_cast<decltype(value)>(weight)); });
}

void finish_move(const Move& move) {
  visit_accumulator(move.dtype, [&](auto value) { finish<decltype(value)>(move); });
}

}  // namespace skimp
