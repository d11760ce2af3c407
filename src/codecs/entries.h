/// \file
/// Entries: the kept elements of an array on their own, for collectives that merge, cut or
/// re-select what a codec has selected without making it dense.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "codecs/codec.h"

namespace skimp {

/// A sparse array: values of the accumulator's type at ascending indices.
template <class Value>
struct Entries {
  std::vector<std::uint64_t> indices;
  std::vector<Value> values;

  std::uint64_t size() const { return indices.size(); }
  void resize(std::uint64_t n) {
    indices.resize(n);
    values.resize(n);
  }
  void push(std::uint64_t index, Value value) {
    indices.push_back(index);
    values.push_back(value);
  }
};

/// Brings entries of any order into ascending order. Values of a repeated index are added from left
/// to right as they were given.
template <class Value>
void sort_entries(Entries<Value>& entries);

/// Makes `sum` the union of two lists of ascending indices; what both have is added. NaN becomes
/// the canonical one, so that the order of the operands shows nowhere.
template <class Value>
void merge_entries(const Entries<Value>& a, const Entries<Value>& b, Entries<Value>& sum);

/// How entries are written as a payload of topk's form (docs/wire_format.md), or threshold's, which
/// says itself how many there are. Arrays have `count` elements of `dtype`; values are of its
/// accumulator.
class EntryCoding {
 public:
  virtual ~EntryCoding() = default;

  /// The codec whose frames these are.
  virtual CodecId id() const = 0;

  /// The parameter field of a frame of n entries, and n of a received one. Throws CorruptPayload
  /// for a field that this coding does not write or a frame that tells of more than `most`.
  virtual std::uint64_t parameter(std::uint64_t n) const = 0;
  virtual std::uint64_t entries_of(std::uint64_t parameter, Bytes payload,
                                   std::uint64_t most) const = 0;

  /// Exact; more entries never take fewer bytes.
  virtual std::uint64_t payload_bytes(std::uint64_t n, std::uint64_t count, DType dtype) const = 0;

  /// Writes n ≤ count entries. `delivered` (unless null) gets the values that a decoder reads.
  virtual void encode(const std::uint64_t* indices, const void* values, std::uint64_t n,
                      std::uint64_t count, DType dtype, std::byte* payload,
                      void* delivered) const = 0;

  /// Reads n ≤ count entries. The payload is hostile: throws CorruptPayload.
  virtual void decode(Bytes payload, std::uint64_t n, std::uint64_t count, DType dtype,
                      std::uint64_t* indices, void* values) const = 0;
};

}  // namespace skimp
