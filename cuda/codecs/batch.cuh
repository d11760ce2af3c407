/// \file
/// Work of many kinds of size in one launch: a kernel is given a list, which travels with its
/// arguments, so that nothing is copied to the device before.
#pragma once

#include <cstdint>

#include "cuda/device/launch.cuh"

namespace skimp::cuda {

/// As many as arguments have room for.
inline constexpr unsigned largest_batch = 32;

/// Entries with some items of work each, which are counted through.
template <class Entry>
struct Batch {
  struct Found {
    Entry entry;
    std::uint64_t item;  ///< of the entry
  };

  unsigned count = 0;
  std::uint64_t ends[largest_batch] = {};
  Entry entries[largest_batch] = {};

  std::uint64_t items() const { return count == 0 ? 0 : ends[count - 1]; }

  __device__ Found find(std::uint64_t item) const {
    unsigned i = 0;
    while (item >= ends[i]) ++i;
    return {entries[i], i == 0 ? item : item - ends[i - 1]};
  }
};

/// Calls launch(batch) as often as entries fill a batch. One without items is left out.
template <class Entry, class Launch>
class Batches {
 public:
  explicit Batches(Launch launch) : launch_(launch) {}

  void add(const Entry& entry, std::uint64_t items) {
    if (items == 0) return;
    batch_.ends[batch_.count] = batch_.items() + items;
    batch_.entries[batch_.count++] = entry;
    if (batch_.count == largest_batch) flush();
  }

  void flush() {
    if (batch_.count > 0) launch_(batch_);
    batch_ = {};
  }

 private:
  Launch launch_;
  Batch<Entry> batch_;
};

template <class Entry, class Launch>
Batches<Entry, Launch> batches_of(Launch launch) {
  return Batches<Entry, Launch>(launch);
}

}  // namespace skimp::cuda
