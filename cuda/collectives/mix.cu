/// \file
/// A gossip step on a device: lanes take neighbouring elements.
#include <cstdint>

#include "collectives/mix/element.h"
#include "collectives/mix/move.h"
#include "cuda/device/block.cuh"
#include "cuda/device/launch.cuh"

namespace skimp::cuda {
namespace {

/// The arrays of a move, whose elements are of the type Element.
template <class Element>
struct Moving {
  using Value = typename Accumulator<Element>::type;

  template <class Its, class Void>
  struct State {
    explicit State(const Move::State<Void>& state)
        : minus_copy(static_cast<Its*>(state.minus_copy)),
          difference(static_cast<Its*>(state.difference)),
          lost(static_cast<Its*>(state.lost)) {}
    Its* minus_copy;
    Its* difference;
    Its* lost;
  };

  explicit Moving(const Move& move)
      : input(static_cast<const Element*>(move.input)),
        output(static_cast<Element*>(move.output)),
        count(move.count),
        step(static_cast<Value>(move.step_size)),
        before(move.before),
        after(move.after),
        own(static_cast<Value*>(move.own)),
        theirs(static_cast<const Value*>(move.theirs)),
        difference(static_cast<Value*>(move.difference)),
        lost(static_cast<Value*>(move.lost)),
        broken(move.broken) {}

  const Element* input;
  Element* output;
  std::uint64_t count;
  Value step;
  State<const Value, const void> before;
  State<Value, void> after;
  Value* own;
  const Value* theirs;
  Value* difference;
  Value* lost;
  std::byte* broken;
};

template <class Value>
__global__ void begin_elements(Moving<Value> move) {
  for (std::uint64_t i = first_item(); i < move.count; i += items_at_once()) {
    const Value own = move.own[i];
    move.broken[i] = static_cast<std::byte>(!is_finite(own));
    move.own[i] = finite_or_zero(own);
    const bool kept = move.before.difference != nullptr;
    move.difference[i] = kept ? move.before.difference[i] : Value{0};
    move.lost[i] = kept ? move.before.lost[i] : Value{0};
  }
}

template <class Value>
__global__ void add_elements(Moving<Value> move, Value weight) {
  for (std::uint64_t i = first_item(); i < move.count; i += items_at_once()) {
    const Value theirs = move.theirs[i];
    if (!is_finite(theirs)) move.broken[i] = std::byte{1};
    Value difference = move.difference[i], lost = move.lost[i];
    mix::add(weight * (finite_or_zero(theirs) - move.own[i]), difference, lost);
    move.difference[i] = difference;
    move.lost[i] = lost;
  }
}

template <class Element>
__global__ void finish_elements(Moving<Element> move) {
  using Value = typename Moving<Element>::Value;
  for (std::uint64_t i = first_item(); i < move.count; i += items_at_once()) {
    Value difference = move.difference[i], lost = move.lost[i];
    mix::carry(difference, lost);
    const Value moved = convert<Value>(move.input[i]) + move.step * difference;
    const bool broken = move.broken[i] != std::byte{0};
    move.output[i] = rounded<Element>(broken ? canonical_nan<Value>() : moved);
    if (move.after.difference == nullptr) continue;
    move.after.minus_copy[i] = finite_or_zero(move.before.minus_copy[i] - move.own[i]);
    move.after.difference[i] = finite_or_zero(difference);
    move.after.lost[i] = finite_or_zero(lost);
  }
}

}  // namespace
}  // namespace skimp::cuda

skimp_status skimp_cuda_mix_begin(skimp::DeviceStream stream, const skimp::Move& move) {
  using namespace skimp::cuda;
  return guard_on(stream, [&](cudaStream_t) {
    skimp::visit_accumulator(move.dtype, [&](auto value) {
      using Value = decltype(value);
      launch_items(begin_elements<Value>, stream, move.count, Moving<Value>(move));
    });
  });
}

skimp_status skimp_cuda_mix_edge(skimp::DeviceStream stream, const skimp::Move& move,
                                 double weight) {
  using namespace skimp::cuda;
  return guard_on(stream, [&](cudaStream_t) {
    skimp::visit_accumulator(move.dtype, [&](auto value) {
      using Value = decltype(value);
      launch_items(add_elements<Value>, stream, move.count, Moving<Value>(move),
                   static_cast<Value>(weight));
    });
  });
}

skimp_status skimp_cuda_mix_finish(skimp::DeviceStream stream, const skimp::Move& move) {
  using namespace skimp::cuda;
  return guard_on(stream, [&](cudaStream_t) {
    skimp::visit_dtype(move.dtype, [&](auto element) {
      using Element = decltype(element);
      launch_items(finish_elements<Element>, stream, move.count, Moving<Element>(move));
    });
  });
}
