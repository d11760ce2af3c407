/// \file
/// An array as rows, and the rows that are kept of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "codecs/elements.h"

namespace skimp::arc_topk {

/// `count` elements in rows of `length`, the last of which may be shorter, of which k are kept.
struct Rows {
  std::uint64_t count;
  std::uint64_t length;
  std::uint64_t k;

  std::uint64_t number() const { return divide_up(count, length); }
  std::uint64_t begin(std::uint64_t row) const { return row * length; }
  std::uint64_t size(std::uint64_t row) const { return std::min(length, count - begin(row)); }

  /// Values that travel: whole rows, with zeros behind a short one, unless all rows do.
  std::uint64_t values() const { return k == number() ? count : k * length; }
};

/// Which rows are kept, ascending.
using Chosen = std::vector<std::uint64_t>;

/// Writes the values of chosen rows to `to`.
template <class Value>
void gather(const EncodeJob& job, const Rows& rows, const Chosen& chosen, std::byte* to) {
  const Source<Value> source(job);
  std::byte* const end = to + rows.values() * sizeof(Value);
  alignas(64) Value tile[largest_tile];
  for (const std::uint64_t row : chosen) {
    const Value* values = source.view(rows.begin(row), rows.size(row), tile);
    for (std::uint64_t i = 0; i < rows.size(row); ++i, to += sizeof(Value)) {
      store(to, canonical(values[i]));
    }
  }
  std::fill(to, end, std::byte{0});
}

/// Throws CorruptPayload unless zeros stand where a short row, the last of a payload, ends.
template <class Value>
void require_padding(Bytes payload, const Rows& rows, const Chosen& chosen) {
  std::uint64_t values = 0;
  for (const std::uint64_t row : chosen) values += rows.size(row);
  for (const std::byte byte : payload.last((rows.values() - values) * sizeof(Value))) {
    require_intact(byte == std::byte{0}, "arc_topk: something stands behind the last row");
  }
}

/// The residual of a job: zero in the chosen rows, which are sent exactly.
template <class Value>
void leave_out(const EncodeJob& job, const Rows& rows, const Chosen& chosen) {
  if (job.residual_out == nullptr) return;
  const Source<Value> source(job);
  const Sink<Value> residual(residual_output<Value>(job));
  alignas(64) Value tile[largest_tile];
  const Value nothing[largest_tile] = {};
  auto next = chosen.begin();
  for (std::uint64_t row = 0; row < rows.number(); ++row) {
    const bool kept = next != chosen.end() && *next == row;
    next += kept;
    const Value* values = kept ? nothing : source.view(rows.begin(row), rows.size(row), tile);
    put_residual(residual, rows.begin(row), rows.size(row), values, nothing);
  }
}

/// Puts the values, which lie at any address, into the chosen rows, and zeros into the others.
template <class Value>
void scatter(const std::byte* values, const Rows& rows, const Chosen& chosen,
             const Output& output) {
  const Sink<Value> sink(output);
  sink.clear(rows.count);
  alignas(64) Value tile[largest_tile];
  for (const std::uint64_t row : chosen) {
    std::memcpy(tile, values, rows.size(row) * sizeof(Value));
    sink.put(rows.begin(row), rows.size(row), tile);
    values += rows.size(row) * sizeof(Value);
  }
}

}  // namespace skimp::arc_topk
