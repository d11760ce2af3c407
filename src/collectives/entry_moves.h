/// \file
/// What the sparse algorithms have merged, on its way into the arrays of a run, wherever those lie.
///
/// Entries are few, so the host merges them: payloads are in its memory, those from a device too.
/// Passes over all elements stay where the arrays are: encoding, clearing the output, and on a
/// device the kernels of cuda/collectives/entries.cu that put entries into it.
#pragma once

#include <vector>

#include "codecs/entries.h"
#include "collectives/algorithm.h"
#include "collectives/entry_kernels.h"
#include "device/buffer.h"
#include "device/placed.h"

namespace skimp {

/// Bytes of the host, for work where a run's arrays lie.
class Upload {
 public:
  /// The bytes themselves; of a run on a device a copy there, by way of pinned memory, until the
  /// next call, in another run.
  const void* take(Run& run, const void* from, std::uint64_t bytes);

 private:
  Buffer pinned_;
  PlacedMemory on_device_;
};

/// One move of each run.
template <class Value>
class EntryMover {
 public:
  /// Writes `count` elements: zeros, and no two entries to one place.
  void deliver(Run& run, const Entries<Value>& entries, std::uint64_t count, const Output& output);

  /// Writes all elements.
  void deliver(Run& run, const std::vector<Value>& values, const Output& output);

  /// Adds entries, no two of one element, to the new residual, if there is one.
  void leave_out(Run& run, const Entries<Value>& entries);

 private:
  SkimpEntries upload(Run& run, const Entries<Value>& entries);

  Upload indices_, values_;
};

}  // namespace skimp
