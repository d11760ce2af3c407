/// \file
/// How every codec reads its values and writes its results: in tiles of the accumulator's type, so
/// that the codecs themselves know float and double only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/numbers.h"
#include "codecs/codec.h"

namespace skimp {

/// Elements of a tile: small enough to stay in the first-level cache with its neighbours.
inline constexpr std::uint64_t tile_elements = 1024;

/// The values of a job: input + residual_in, in the accumulator's type.
template <class Value>
class Source {
 public:
  explicit Source(const EncodeJob& job) : Source(job.input, job.dtype, job.residual_in) {}

  Source(const void* input, DType dtype, const void* residual = nullptr)
      : input_(input), dtype_(dtype), residual_(static_cast<const Value*>(residual)) {}

  /// Writes values begin … begin + n to `tile`, and returns it. Payloads lie at any address, so
  /// elements are not read through a pointer of their type.
  const Value* load(std::uint64_t begin, std::uint64_t n, Value* tile) const {
    visit_dtype(dtype_, [&](auto element) {
      using Element = decltype(element);
      if constexpr (std::is_same_v<typename Accumulator<Element>::type, Value>) {
        const std::byte* input = static_cast<const std::byte*>(input_) + begin * sizeof(Element);
        const auto element_at = [input](std::uint64_t i) {
          return convert<Value>(skimp::load<Element>(input + i * sizeof(Element)));
        };
        if (residual_ != nullptr) {
          const Value* residual = residual_ + begin;
          for (std::uint64_t i = 0; i < n; ++i) tile[i] = element_at(i) + residual[i];
        } else {
          for (std::uint64_t i = 0; i < n; ++i) tile[i] = element_at(i);
        }
      }
    });
    return tile;
  }

  Value at(std::uint64_t i) const {
    Value value;
    load(i, 1, &value);
    return value;
  }

 private:
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
    visit(begin, n, source.load(begin, n, tile));
  }
}

/// Decoded values on their way to an Output: divided, rounded to its dtype, NaN made canonical;
/// or added.
template <class Value>
class Sink {
 public:
  explicit Sink(const Output& output)
      : data_(output.data),
        dtype_(output.dtype),
        divisor_(static_cast<Value>(output.divisor)),
        add_(output.add) {}

  void put(std::uint64_t begin, std::uint64_t n, const Value* values) const {
    if (add_) {
      Value* __restrict to = static_cast<Value*>(data_) + begin;
      for (std::uint64_t i = 0; i < n; ++i) to[i] += values[i];
      return;
    }
    visit_dtype(dtype_, [&](auto element) {
      using Element = decltype(element);
      std::byte* to = static_cast<std::byte*>(data_) + begin * sizeof(Element);
      if (divisor_ == Value{1}) {
        write<Element>(to, values, n, [](Value value) { return value; });
      } else {
        write<Element>(to, values, n,
                       [divisor = divisor_](Value value) { return value / divisor; });
      }
    });
  }

  void put_one(std::uint64_t i, Value value) const { put(i, 1, &value); }

  /// For codecs that send few values: zeros everywhere, unless adding.
  void clear(std::uint64_t count) const {
    if (!add_ && count > 0) std::memset(data_, 0, count * bytes_of(dtype_));
  }

 private:
  /// The output is never the values' own memory; compilers must be told, or bytes alias everything.
  template <class Element, class Divide>
  static void write(std::byte* __restrict to, const Value* __restrict values, std::uint64_t n,
                    Divide divide) {
    for (std::uint64_t i = 0; i < n; ++i) {
      skimp::store(to + i * sizeof(Element), round<Element>(divide(values[i])));
    }
  }

  template <class Element>
  static Element round(Value value) {
    if constexpr (sizeof(Element) == 2) {
      return convert<Element>(static_cast<float>(value));
    } else {
      return static_cast<Element>(canonical(value));
    }
  }

  void* data_;
  DType dtype_;
  Value divisor_;
  bool add_;
};

template <class Value>
bool all_finite(const Value* values, std::uint64_t n) {
  bool finite = true;
  for (std::uint64_t i = 0; i < n; ++i) finite &= is_finite(values[i]);
  return finite;
}

/// residual_out of a tile: what was to be sent less what the decoders will read; zero where that
/// is not a number, so that one overflow does not live on in the residual.
template <class Value>
void store_residual(const EncodeJob& job, std::uint64_t begin, std::uint64_t n, const Value* values,
                    const Value* delivered) {
  Value* __restrict residual = static_cast<Value*>(job.residual_out) + begin;
  for (std::uint64_t i = 0; i < n; ++i) {
    const Value rest = values[i] - delivered[i];
    residual[i] = is_finite(rest) ? rest : Value{0};
  }
}

}  // namespace skimp
