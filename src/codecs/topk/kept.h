/// \file
/// The elements that a selection keeps, written as a top-k payload and read from one.
#pragma once

#include <algorithm>
#include <cstdint>

#include "codecs/elements.h"
#include "codecs/sparse_sink.h"
#include "codecs/topk/collect.h"
#include "codecs/topk/layout.h"

namespace skimp::topk {

/// Entries are coded in batches of this many, which stay in the first-level cache.
inline constexpr std::uint64_t batch = 1024;

/// Writes the kept elements of a job, which come in order. Its residual_out, if wanted, holds all
/// values: what rounding loses of the kept ones takes their places.
template <class Value>
class KeptWriter {
 public:
  /// `largest` is the largest finite magnitude that counts for the exponent.
  KeptWriter(const EncodeJob& job, const Layout& layout, Format format, Value largest,
             std::byte* payload)
      : coding_(format, ValueCoding<Value>::exponent_for(format, largest)),
        values_at_(payload + layout.values_begin),
        indices_(layout.indices, payload + layout.indices_begin),
        left_(residual_output<Value>(job)),
        wants_rest_(job.residual_out != nullptr) {
    if (layout.scaled) store(payload, coding_.exponent());
  }

  /// Indices count from base.
  void put(std::uint64_t base, const List<Value>& kept) {
    indices_.put(base, kept.indices, kept.size);
    for (std::uint64_t begin = 0; begin < kept.size; begin += batch) {
      const std::uint64_t n = std::min(batch, kept.size - begin);
      alignas(64) Value delivered[batch];
      coding_.put(values_at_, written_, n, kept.values + begin, wants_rest_ ? delivered : nullptr);
      written_ += n;
      if (!wants_rest_) continue;
      for (std::uint64_t j = 0; j < n; ++j) {
        delivered[j] = rest_of(kept.values[begin + j], delivered[j]);
      }
      left_.scatter(base, n, kept.indices + begin, delivered);
    }
  }

  /// Must be called after the last element.
  void finish() { indices_.finish(); }

 private:
  ValueCoding<Value> coding_;
  std::byte* values_at_;
  IndexWriter indices_;
  Sink<Value> left_;
  bool wants_rest_;
  std::uint64_t written_ = 0;
};

/// Decodes a payload of `layout.bytes` bytes. Throws CorruptPayload.
template <class Value>
void read_kept(Bytes payload, const Layout& layout, Format format, const Output& output) {
  const ValueCoding<Value> coding(format, layout.read_exponent(payload));
  IndexReader indices(layout.indices, payload.subspan(layout.indices_begin));
  SparseSink<Value> sink(output, layout.indices.count);
  for (std::uint64_t j = 0; j < layout.indices.k; j += batch) {
    const std::uint64_t n = std::min(batch, layout.indices.k - j);
    std::uint64_t places[batch];
    alignas(64) Value values[batch];
    indices.read(places, n);
    coding.get(payload.data() + layout.values_begin, j, n, values);
    sink.put(0, n, places, values);
  }
  indices.finish();
  sink.finish();
}

}  // namespace skimp::topk
