/// \file
/// The pass over a job's values that a selection begins with: it adds input, residual and addends,
/// writes the sums to residual_out (most of them stay there: what is kept are few) and lists those
/// above a bound.
#pragma once

#include <cstdint>
#include <type_traits>

#include "codecs/topk/addends.h"
#include "codecs/topk/collect.h"
#include "codecs/topk/collect_avx512.h"

namespace skimp::topk {

template <Isa isa, class Value>
class Survey {
 public:
  using Key = KeyOf<Value>;

  static std::uint64_t workspace_bytes(std::uint64_t capacity) {
    return capacity == 0 ? 0 : room_for(capacity) * (sizeof(Value) + sizeof(std::uint32_t));
  }

  /// The job's workspace becomes a list of `capacity` values; 0: none are listed. Indices must fit
  /// 32 bits unless it is 0.
  Survey(const EncodeJob& job, std::uint64_t capacity)
      : count_(job.count), capacity_(capacity), values_(job), summed_(job) {
    list_.values = reinterpret_cast<Value*>(job.workspace);
    list_.indices = reinterpret_cast<std::uint32_t*>(list_.values + room_for(capacity));
  }

  /// The one pass. What was in the list is forgotten.
  void run(const EncodeJob& job, Key bound) {
    const bool wanted = job.residual_out != nullptr;
    if (!wanted && capacity_ == 0) return;
    const Sink<Value> residual(residual_output<Value>(job));
    alignas(64) Value tile[survey_elements];
    list_.size = 0;
    for (std::uint64_t begin = run_vectors(residual, bound); begin < count_;
         begin += survey_elements) {
      const std::uint64_t n = std::min(survey_elements, count_ - begin);
      Value* room = wanted ? residual.room(begin, tile) : tile;
      const Value* values = nullptr;
      const auto list = [&](const auto& read) {
        append_above<isa>(read, n, bound, static_cast<std::uint32_t>(begin), list_);
        values = array_of(read);
        overflowed_ = list_.size > capacity_;
      };
      if (!is_listed()) {
        values = summed_.load(begin, n, room);
      } else if (summed_.has_addends()) {
        list(summed_.load(begin, n, room));
      } else {
        values_.fetch(begin, n);
        values_.visit(begin, n, room, list);
      }
      if (wanted) residual.settle(begin, n, values);
    }
    if (wanted) {
      values_ = Source<Value>(job.residual_out, residual_output<Value>(job).dtype);
    }
  }

  /// Whether all values above the bound are in the list: there is one, and it had room.
  bool is_listed() const { return capacity_ > 0 && !overflowed_; }
  List<Value>& list() { return list_; }

  std::uint64_t count() const { return count_; }

  /// Values 0, step, 2 · step, …, before the pass.
  void sample(std::uint64_t step, std::uint64_t n, Value* sample) const {
    for (std::uint64_t j = 0; j < n; ++j) sample[j] = values_.at(j * step);
    summed_.add_to_sample(step, n, sample);
  }

  /// All values. After the pass they are read from residual_out, if that was wanted.
  const Source<Value>& values() const { return values_; }

  /// Looks again, for where the list had no room: calls visit(base, list) with the values above
  /// bound(), which is asked time and again, in order; indices count from base.
  template <class Bound, class Visit>
  void for_each_above(Bound&& bound, Visit&& visit) const {
    alignas(64) Value values[tile_elements + list_slack];
    alignas(64) std::uint32_t indices[tile_elements + list_slack];
    for_each_tile(values_, count_, [&](std::uint64_t begin, std::uint64_t n, const Value* x) {
      List<Value> list{values, indices};
      append_above<isa>(x, n, bound(), 0, list);
      if (list.size > 0) visit(begin, list);
    });
  }

 private:
  /// Begins the pass with vectors of floats where all values are, or go, as they are; returns where
  /// it stopped.
  std::uint64_t run_vectors(const Sink<Value>& residual, Key bound) {
    std::uint64_t begin = 0;
#if SKIMP_X86
    if constexpr (isa == Isa::avx512 && std::is_same_v<Value, float>) {
      if (!is_listed()) return 0;
      residual.visit_place([&](auto place) {
        if (summed_.has_addends()) {
          begin = run_sums(place, bound);
        } else {
          values_.visit_all([&](const auto& values) {
            begin = avx512::append_above(values, place, count_, bound, 0, capacity_, list_);
          });
        }
      });
      overflowed_ = list_.size > capacity_;
    }
#endif
    return begin;
  }

#if SKIMP_X86
  /// The same of sums with addends, which a tile brings together. The list has room for all of one.
  template <class Place>
  std::uint64_t run_sums(Place place, Key bound) {
    alignas(64) Value tile[tile_elements];
    std::uint64_t begin = 0;
    for (; count_ - begin >= tile_elements && list_.size <= capacity_; begin += tile_elements) {
      avx512::append_above(summed_.load(begin, tile_elements, tile), place + begin, tile_elements,
                           bound, static_cast<std::uint32_t>(begin), room_for(capacity_), list_);
    }
    return begin;
  }
#endif

  static std::uint64_t room_for(std::uint64_t capacity) {
    return divide_up(capacity + tile_elements + list_slack, 16) * 16;
  }

  std::uint64_t count_;
  std::uint64_t capacity_;
  Source<Value> values_;
  SummedSource<Value> summed_;
  List<Value> list_;
  bool overflowed_ = false;
};

}  // namespace skimp::topk
