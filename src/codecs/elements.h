/// \file
/// How every codec reads its values and writes its results: in tiles of the accumulator's type, so
/// that the codecs themselves know float and double only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/fetch.h"
#include "base/numbers.h"
#include "base/stream.h"
#include "codecs/codec.h"
#include "codecs/sums.h"

namespace skimp {

/// Elements of a tile: small enough to stay in the first-level cache with its neighbours.
inline constexpr std::uint64_t tile_elements = 1024;

/// The most that are ever taken at once.
inline constexpr std::uint64_t largest_tile = 8192;

/// A place of 32 · i values whose whole lines are written past the cache, by who can.
template <class Value>
struct Streamed {
  Value* place;
  Streamed operator+(std::uint64_t i) const { return {place + i}; }
};
struct Nowhere {
  Nowhere operator+(std::uint64_t) const { return {}; }
};

/// The values of a job: input + residual_in, in the accumulator's type.
template <class Value>
class Source {
 public:
  explicit Source(const EncodeJob& job) : Source(job.input, job.dtype, job.residual_in) {}

  Source(const void* input, DType dtype, const void* residual = nullptr)
      : input_(input), dtype_(dtype), residual_(static_cast<const Value*>(residual)) {}

  /// Writes values begin … begin + n to `tile`, and returns it; the residual's own place may be the
  /// tile. Payloads lie at any address, so elements are not read through a pointer of their type.
  const Value* load(std::uint64_t begin, std::uint64_t n, Value* tile) const {
    visit_dtype(dtype_, [&](auto element) {
      using Element = decltype(element);
      if constexpr (std::is_same_v<typename Accumulator<Element>::type, Value>) {
        const std::byte* input = static_cast<const std::byte*>(input_) + begin * sizeof(Element);
        const auto element_at = [input](std::uint64_t i) {
          return convert<Value>(skimp::load<Element>(input + i * sizeof(Element)));
        };
        const auto load_some = [&](std::uint64_t first, std::uint64_t end) {
          if (residual_ != nullptr) {
            const Value* residual = residual_ + begin;
            // The tile may be the residual itself, but never lies across it.
#pragma GCC ivdep
            for (std::uint64_t i = first; i < end; ++i) tile[i] = element_at(i) + residual[i];
          } else {
            for (std::uint64_t i = first; i < end; ++i) tile[i] = element_at(i);
          }
        };
        std::uint64_t i = 0;
        for (; i + 64 <= n; i += 64) {
          fetch(begin + i, 64);
          load_some(i, i + 64);
        }
        load_some(i, n);
      }
    });
    return tile;
  }

  /// The same without a copy where the input holds the values as they are.
  const Value* view(std::uint64_t begin, std::uint64_t n, Value* tile) const {
    const Value* place = residual_ == nullptr ? place_of(begin) : nullptr;
    return place != nullptr ? place : load(begin, n, tile);
  }

  /// Calls visitor(values) with an array, or with Sums that go to `tile`, as those of `load`.
  template <class Visitor>
  void visit(std::uint64_t begin, std::uint64_t n, Value* tile, Visitor&& visitor) const {
    const Value* place = residual_ != nullptr ? place_of(begin) : nullptr;
    if (place != nullptr) return visitor(Sums<Value>{place, residual_ + begin, tile});
    visitor(view(begin, n, tile));
  }

  /// Calls visitor(values) with all values as an array or as LazySums, unless they are of another
  /// type than the input's, or lie unaligned.
  template <class Visitor>
  void visit_all(Visitor&& visitor) const {
    const Value* input = place_of(0);
    if (input == nullptr) return;
    if (residual_ == nullptr) return visitor(input);
    visitor(LazySums<Value>{input, residual_});
  }

  /// Calls visitor(sums) with all values as Sums that go to `place`, or as AddedSums. Returns
  /// false, without a call, where they are no plain sums, or have no place.
  template <class Visitor>
  bool visit_sums(Value* place, bool add, Visitor&& visitor) const {
    const Value* input = residual_ != nullptr && place != nullptr ? place_of(0) : nullptr;
    if (input == nullptr) return false;
    if (add) {
      visitor(AddedSums<Value>{input, residual_, place});
    } else {
      visitor(Sums<Value>{input, residual_, place});
    }
    return true;
  }

  /// Fetches what lies bytes_ahead after n values from `begin` on; see base/fetch.h.
  [[gnu::always_inline]] void fetch(std::uint64_t begin, std::uint64_t n) const {
    const std::uint64_t each = bytes_of(dtype_);
    fetch_ahead(static_cast<const std::byte*>(input_) + begin * each, n * each);
    if (residual_ != nullptr) fetch_ahead(residual_ + begin, n * sizeof(Value));
  }

  Value at(std::uint64_t i) const {
    Value value{};
    load(i, 1, &value);
    return value;
  }

 private:
  /// Where the input holds value `begin` as it is; null if it holds another type, or unaligned.
  const Value* place_of(std::uint64_t begin) const {
    const std::byte* place = static_cast<const std::byte*>(input_) + begin * sizeof(Value);
    const bool plain = bytes_of(dtype_) == sizeof(Value) &&
                       reinterpret_cast<std::uintptr_t>(place) % alignof(Value) == 0;
    return plain ? reinterpret_cast<const Value*>(place) : nullptr;
  }

  const void* input_;
  DType dtype_;
  const Value* residual_;
};

/// Calls visit(begin, n, values) for the tiles of `count` elements, in order.
template <class Value, class Visit>
void for_each_tile(const Source<Value>& source, std::uint64_t count, Visit&& visit) {
  alignas(64) Value tile[tile_elements];
  for (std::uint64_t begin = 0; begin < count; begin += tile_elements) {
    const std::uint64_t n = std::min(tile_elements, count - begin);
    visit(begin, n, source.view(begin, n, tile));
  }
}

/// Calls place(j, index) for indices that mostly lie in other cache lines than those before, which
/// are fetched ahead: stores wait for their lines one after the other.
template <class Index, class Place>
void for_each_place(const std::byte* to, std::size_t bytes_each, std::uint64_t n,
                    const Index* indices, Place&& place) {
  constexpr std::uint64_t ahead = 24;
  std::uint64_t j = 0;
  for (; j + ahead < n; ++j) {
    __builtin_prefetch(to + indices[j + ahead] * bytes_each, 1);
    place(j, indices[j]);
  }
  for (; j < n; ++j) place(j, indices[j]);
}

/// Values on their way to an Output: divided, rounded to its dtype, NaN made canonical; or added.
template <class Value>
class Sink {
 public:
  explicit Sink(const Output& output)
      : output_(output),
        data_(static_cast<std::byte*>(output.data)),
        divisor_(static_cast<Value>(output.divisor)),
        streamed_(output.streamed && is_streamable(output.data)),
        plain_(!output.add && output.divisor == 1 && bytes_of(output.dtype) == sizeof(Value)) {}
  ~Sink() {
    if (streamed_) lines_.end();
  }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  /// Where to write values from `begin` on: their place in the output if they go there as they are,
  /// else `tile`. Then call `settle`.
  Value* room(std::uint64_t begin, Value* tile) const {
    return plain_ && is_aligned() && !streamed_ ? reinterpret_cast<Value*>(data_) + begin : tile;
  }

  /// Calls visitor(place) with where all values go as they are, an array or Streamed, or Nowhere if
  /// there is no output. Otherwise not: they are added, or of another type, or lie unaligned.
  template <class Visitor>
  void visit_place(Visitor&& visitor) const {
    if (data_ == nullptr) return visitor(Nowhere{});
    if (Value* place = room(0, nullptr); place != nullptr) return visitor(place);
    const bool fills_lines = reinterpret_cast<std::uintptr_t>(data_) % 64 == 0;
    if (streamed_ && plain_ && fills_lines) {
      visitor(Streamed<Value>{reinterpret_cast<Value*>(data_)});
    }
  }

  /// Where values go, or are added, as they are; null if they do not.
  Value* place() const {
    if (output_.add) return reinterpret_cast<Value*>(data_);
    return room(0, nullptr);
  }

  /// Takes n ≤ largest_tile values that were written to room(begin, …). NaN must be canonical, or
  /// will be as it is.
  void settle(std::uint64_t begin, std::uint64_t n, const Value* values) const {
    if (!plain_) return put(begin, n, values);
    std::byte* to = data_ + begin * sizeof(Value);
    if (streamed_) {
      lines_.write(to, values, n * sizeof(Value));
    } else if (reinterpret_cast<const std::byte*>(values) != to) {
      std::memcpy(to, values, n * sizeof(Value));
    }
  }

  /// Takes n ≤ largest_tile values.
  void put(std::uint64_t begin, std::uint64_t n, const Value* values) const {
    if (output_.add) {
      Value* __restrict to = reinterpret_cast<Value*>(data_) + begin;
      for (std::uint64_t i = 0; i < n; ++i) to[i] += values[i];
      return;
    }
    visit_dtype(output_.dtype, [&](auto element) { write<decltype(element)>(begin, n, values); });
  }

  /// Puts values[j] at indices[j], counted from `begin`. For a sink that settles nothing else: what
  /// was settled may still wait for its line.
  template <class Index>
  void scatter(std::uint64_t begin, std::uint64_t n, const Index* indices,
               const Value* values) const {
    if (output_.add) {
      Value* to = reinterpret_cast<Value*>(data_) + begin;
      for_each_place(reinterpret_cast<std::byte*>(to), sizeof(Value), n, indices,
                     [&](std::uint64_t j, std::uint64_t index) { to[index] += values[j]; });
      return;
    }
    visit_dtype(output_.dtype, [&](auto element) {
      using Element = decltype(element);
      std::byte* to = data_ + begin * sizeof(Element);
      for_each_place(to, sizeof(Element), n, indices, [&](std::uint64_t j, std::uint64_t index) {
        store(to + index * sizeof(Element), rounded<Element>(values[j] / divisor_));
      });
    });
  }

  /// For codecs that send few values: zeros everywhere, unless adding.
  void clear(std::uint64_t count) const {
    if (output_.add || count == 0) return;
    const std::uint64_t bytes = count * bytes_of(output_.dtype);
    if (streamed_) {
      clear_streamed(data_, bytes);
    } else {
      std::memset(data_, 0, bytes);
    }
  }

 private:
  bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(data_) % alignof(Value) == 0; }

  template <class Element>
  void write(std::uint64_t begin, std::uint64_t n, const Value* values) const {
    std::byte* to = data_ + begin * sizeof(Element);
    alignas(64) std::byte tile[largest_tile * sizeof(Element)];
    std::byte* at = streamed_ ? tile : to;
    if (const Value inverse = exact_inverse(divisor_); inverse == Value{1}) {
      convert_to<Element>(at, values, n, [](Value value) { return value; });
    } else if (inverse != Value{0}) {
      convert_to<Element>(at, values, n, [inverse](Value value) { return value * inverse; });
    } else {
      convert_to<Element>(at, values, n, [this](Value value) { return value / divisor_; });
    }
    if (streamed_) lines_.write(to, tile, n * sizeof(Element));
  }

  /// The output is never the values' own memory; compilers must be told, or bytes alias everything.
  template <class Element, class Divide>
  static void convert_to(std::byte* __restrict to, const Value* __restrict values, std::uint64_t n,
                         Divide divide) {
    for (std::uint64_t i = 0; i < n; ++i) {
      skimp::store(to + i * sizeof(Element), rounded<Element>(divide(values[i])));
    }
  }

  Output output_;
  std::byte* data_;
  Value divisor_;
  bool streamed_;
  bool plain_;
  mutable LineStream lines_;
};

/// The largest magnitude, by integer comparison: Inf or NaN when a value is. (Signed, since
/// baseline x86 compares no unsigned vectors; magnitudes leave the sign bit clear.)
template <class Values, class Value = ValueOf<Values>>
Value largest_magnitude(const Values& values, std::uint64_t n) {
  using Signed = std::make_signed_t<BitsOf<Value>>;
  Signed largest = 0;
#pragma GCC ivdep
  for (std::uint64_t i = 0; i < n; ++i) {
    largest = std::max(largest, static_cast<Signed>(magnitude_bits(values[i])));
  }
  return std::bit_cast<Value>(largest);
}

template <class Value>
bool all_finite(const Value* values, std::uint64_t n) {
  return is_finite(largest_magnitude(values, n));
}

/// Where a job's residual goes. Tiles are written in order; with no residual wanted, nowhere.
template <class Value>
Output residual_output(const EncodeJob& job) {
  return {.data = job.residual_out,
          .dtype = sizeof(Value) == 4 ? DType::float32 : DType::float64,
          .streamed = job.streamed && job.residual_out != job.residual_in};
}

/// The residual of a tile: what was to be sent less what the decoders will read.
template <class Value>
void put_residual(const Sink<Value>& sink, std::uint64_t begin, std::uint64_t n,
                  const Value* __restrict values, const Value* __restrict delivered) {
  alignas(64) Value tile[largest_tile];
  Value* __restrict residual = sink.room(begin, tile);
  for (std::uint64_t i = 0; i < n; ++i) residual[i] = rest_of(values[i], delivered[i]);
  sink.settle(begin, n, residual);
}

}  // namespace skimp
