/// \file
/// BlockTopK, one block: a selection, as top-k makes it where it does not guess, and its parts
/// written and read.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"
#include "codecs/blocks.h"
#include "codecs/topk/block_shape.h"
#include "codecs/topk/collect.h"
#include "codecs/topk/kept.h"
#include "codecs/topk/keys.h"
#include "codecs/topk/moving_bound.h"

namespace skimp::topk {

template <Isa isa, class Value>
class BlockEncoder {
 public:
  /// Of blocks that keep k, or the last its share.
  BlockEncoder(Format format, std::uint64_t k) : format_(format), bound_(k) {}

  /// Writes a block's payload, and to `rest`, unless null, what it leaves of the values. Returns
  /// whether all values were finite.
  bool encode(const BlockShape& shape, const Value* x, std::byte* to, Value* rest) {
    const std::uint64_t n = shape.indices.count;
    const Value largest = largest_magnitude(x, n);
    const bool finite = is_finite(largest);
    const List<Value> kept = select(x, shape.indices, key_of(largest));
    const Value scaled_by = finite ? largest : largest_finite(x, n);
    const auto exponent = ValueCoding<Value>::exponent_for(format_, scaled_by);
    if (shape.scaled) store(to, static_cast<std::int16_t>(exponent));
    IndexWriter indices(shape.indices, to + shape.indices_begin);
    indices.put(0, kept.indices, kept.size);
    indices.finish();
    for (std::uint64_t i = 0; rest != nullptr && i < n; ++i) {
      rest[i] = is_finite(x[i]) ? x[i] : Value{0};
    }
    write_values(kept, ValueCoding<Value>(format_, exponent), to + shape.values_begin, rest);
    return finite;
  }

 private:
  /// The k largest magnitudes, ties to the lower index; no key exceeds `high`. They are mostly
  /// among the few that are above a bound which blocks before have shown.
  List<Value> select(const Value* x, const IndexShape& shape, KeyOf<Value> high) {
    const std::uint64_t n = shape.count, k = shape.k;
    List<Value> list = list_above(x, n, bound_.key());
    const bool is_listed = list.size >= k;
    const auto kth =
        is_listed ? find_threshold<isa, Value>(k, list.size, bound_.key() + 1, high,
                                               [&](auto&& visit) { visit(list.values, list.size); })
                  : find_threshold<isa, Value>(k, n, 0, high, [&](auto&& visit) { visit(x, n); });
    bound_.follow(list.size, k, kth.key);
    Filter<Value> filter(kth);
    if (!is_listed) list = list_above(x, n, filter.bound());
    filter.template keep<isa>(list);
    return list;
  }

  List<Value> list_above(const Value* x, std::uint64_t n, KeyOf<Value> bound) {
    List<Value> list{values_, indices_};
    for (std::uint64_t at = 0; at < n; at += tile_elements) {
      append_above<isa>(x + at, std::min(tile_elements, n - at), bound,
                        static_cast<std::uint32_t>(at), list);
    }
    return list;
  }

  void write_values(const List<Value>& kept, const ValueCoding<Value>& coding, std::byte* to,
                    Value* rest) const {
    for (std::uint64_t begin = 0; begin < kept.size; begin += batch) {
      const std::uint64_t n = std::min(batch, kept.size - begin);
      alignas(64) Value delivered[batch];
      coding.put(to, begin, n, kept.values + begin, rest == nullptr ? nullptr : delivered);
      for (std::uint64_t j = 0; rest != nullptr && j < n; ++j) {
        rest[kept.indices[begin + j]] = rest_of(kept.values[begin + j], delivered[j]);
      }
    }
  }

  Format format_;
  MovingBound<Value> bound_;
  alignas(64) Value values_[largest_block + list_slack];
  std::uint32_t indices_[largest_block + list_slack];
};

template <class Value>
void decode_block(const BlockShape& shape, Format format, Bytes payload,
                  std::uint64_t first_element, SparseSink<Value>& sink) {
  const int exponent = shape.scaled ? load<std::int16_t>(payload.data()) : 0;
  require_intact(std::abs(exponent) <= largest_exponent, "block_topk: exponent ", exponent,
                 " is not from ", -largest_exponent, " to ", largest_exponent);
  const ValueCoding<Value> coding(format, exponent);
  IndexReader indices(shape.indices, payload.subspan(shape.indices_begin));
  for (std::uint64_t j = 0; j < shape.indices.k; j += batch) {
    const std::uint64_t n = std::min(batch, shape.indices.k - j);
    std::uint64_t places[batch];
    alignas(64) Value values[batch];
    indices.read(places, n);
    coding.get(payload.data() + shape.values_begin, j, n, values);
    sink.put(first_element, n, places, values);
  }
  indices.finish();
}

}  // namespace skimp::topk
