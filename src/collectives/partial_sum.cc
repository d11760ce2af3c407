#include "collectives/partial_sum.h"

#include <algorithm>
#include <utility>

#include "base/isa.h"
#include "base/numbers.h"

namespace skimp {
namespace {

bool is_dense_frame(const Frame& frame) {
  return frame.header.codec == static_cast<int>(CodecId::identity);
}

}  // namespace

template <class Value>
void PartialSum<Value>::add(const Entries<Value>& other) {
  if (dense_) return add_to_values(other);
  merge_entries(entries_, other, merged_);
  std::swap(entries_, merged_);
  switch_if_smaller();
}

template <class Value>
void PartialSum<Value>::add(Run& run, const Frame& frame, std::uint64_t most) {
  if (!is_dense_frame(frame)) {
    read_entries(run, frame, *coding_, count_, most, other_);
    return add(other_);
  }
  check_dense(run, frame);
  if (dense_) {
    const std::byte* other = frame.payload.data();
    on_isa([&](auto) {
      for (std::uint64_t i = 0; i < count_; ++i) {
        values_[i] = canonical(values_[i] + load<Value>(other + i * sizeof(Value)));
      }
    });
  } else {
    // As the sender does: its dense values plus these entries.
    copy_dense(frame);
    add_to_values(entries_);
  }
}

template <class Value>
void PartialSum<Value>::read(Run& run, const Frame& frame, std::uint64_t most) {
  if (is_dense_frame(frame)) {
    check_dense(run, frame);
    copy_dense(frame);
  } else {
    read_entries(run, frame, *coding_, count_, most, assign());
  }
}

template <class Value>
void PartialSum<Value>::check_dense(Run& run, const Frame& frame) const {
  const FrameHeader& header = frame.header;
  require_intact(header.count == count_ && header.dtype == static_cast<int>(dtype) &&
                     frame.payload.size() == count_ * sizeof(Value),
                 "from rank ", header.sender, ": a frame of ", header.count, " elements where ",
                 count_, " ", name_of(dtype), " values were due");
  run.nonfinite |= (header.flags & nonfinite_flag) != 0;
}

template <class Value>
void PartialSum<Value>::copy_dense(const Frame& frame) {
  dense_ = true;
  values_.resize(count_);
  std::memcpy(values_.data(), frame.payload.data(), frame.payload.size());
}

template <class Value>
FrameHeader PartialSum<Value>::write(const Run& run, Buffer& payload) const {
  if (!dense_) return write_entries<Value>(run, *coding_, entries_, count_, payload);
  FrameHeader header;
  header.codec = static_cast<std::uint8_t>(CodecId::identity);
  header.dtype = static_cast<std::uint8_t>(dtype);
  header.flags = run.nonfinite ? nonfinite_flag : 0;
  header.count = count_;
  header.payload_bytes = count_ * sizeof(Value);
  payload.reserve(header.payload_bytes);
  std::memcpy(payload.data(), values_.data(), header.payload_bytes);
  return header;
}

template <class Value>
void PartialSum<Value>::deliver(Run& run, EntryMover<Value>& mover, const Output& output) const {
  if (dense_) {
    mover.deliver(run, values_, output);
  } else {
    mover.deliver(run, entries_, count_, output);
  }
}

template <class Value>
Entries<Value> PartialSum<Value>::nonzeros() const {
  Entries<Value> found;
  const std::uint64_t n = dense_ ? count_ : entries_.size();
  for (std::uint64_t j = 0; j < n; ++j) {
    const Value value = dense_ ? values_[j] : entries_.values[j];
    if (value != Value{0}) found.push(dense_ ? j : entries_.indices[j], value);
  }
  return found;
}

template <class Value>
std::uint64_t PartialSum<Value>::most_bytes(std::uint64_t entries, std::uint64_t count,
                                            const EntryCoding& coding) {
  const std::uint64_t sparse = coding.payload_bytes(std::min(entries, count), count, dtype);
  return std::min(sparse, count * sizeof(Value));
}

template <class Value>
void PartialSum<Value>::switch_if_smaller() {
  if (coding_->payload_bytes(entries_.size(), count_, dtype) < count_ * sizeof(Value)) return;
  dense_ = true;
  values_.assign(count_, Value{0});
  for (std::uint64_t j = 0; j < entries_.size(); ++j) {
    values_[entries_.indices[j]] = entries_.values[j];
  }
}

template <class Value>
void PartialSum<Value>::add_to_values(const Entries<Value>& other) {
  for (std::uint64_t j = 0; j < other.size(); ++j) {
    Value& value = values_[other.indices[j]];
    value = canonical(value + other.values[j]);
  }
}

template class PartialSum<float>;
template class PartialSum<double>;

}  // namespace skimp
