#include "collectives/entry_moves.h"

#include <cstring>

#include "base/isa.h"
#include "codecs/elements.h"
#include "collectives/device_queue.h"
#include "collectives/entry_frames.h"
#include "collectives/place.h"
#include "collectives/stopwatch.h"
#include "device/library.h"

namespace skimp {

const void* Upload::take(Run& run, const void* from, std::uint64_t bytes) {
  if (run.queue == nullptr || bytes == 0) return from;
  if (bytes > pinned_.bytes()) {
    // Sizes follow the data, so the next may be a little larger.
    const std::uint64_t room = bytes + bytes / 4;
    const int device = run.queue->stream().device;
    pinned_ = Buffer(room, device);
    on_device_ = PlacedMemory(room, device);
  }
  std::memcpy(pinned_.data(), from, bytes);
  run.queue->copy(on_device_.data(), pinned_.data(), bytes);
  return on_device_.data();
}

template <class Value>
void EntryMover<Value>::deliver(Run& run, const Entries<Value>& entries, std::uint64_t count,
                                const Output& output) {
  const Stopwatch stopwatch(run.codec_seconds);
  clear_values(run, output.data, count * bytes_of(output.dtype));
  if (run.queue != nullptr) {
    SKIMP_ON_DEVICE(skimp_cuda_put_entries, run.queue->stream(), upload(run, entries), output);
    return;
  }
  on_isa([&](auto) {
    const Sink<Value> sink(output);
    sink.scatter(0, entries.size(), entries.indices.data(), entries.values.data());
  });
}

template <class Value>
void EntryMover<Value>::deliver(Run& run, const std::vector<Value>& values, const Output& output) {
  const std::uint64_t bytes = values.size() * sizeof(Value);
  transfer_values(run, {.input = values_.take(run, values.data(), bytes),
                        .dtype = dtype_of_values<Value>,
                        .count = values.size(),
                        .output = output});
}

template <class Value>
void EntryMover<Value>::leave_out(Run& run, const Entries<Value>& entries) {
  if (run.residual_out == nullptr) return;
  const Stopwatch stopwatch(run.codec_seconds);
  if (run.queue != nullptr) {
    const SkimpEntries there = upload(run, entries);
    SKIMP_ON_DEVICE(skimp_cuda_leave_entries, run.queue->stream(), there, run.residual_out);
    return;
  }
  auto* residual = static_cast<Value*>(run.residual_out);
  for (std::uint64_t j = 0; j < entries.size(); ++j) {
    Value& rest = residual[entries.indices[j]];
    rest = finite_or_zero(rest + entries.values[j]);
  }
}

template <class Value>
SkimpEntries EntryMover<Value>::upload(Run& run, const Entries<Value>& entries) {
  const std::uint64_t n = entries.size();
  const void* indices = indices_.take(run, entries.indices.data(), n * sizeof(std::uint64_t));
  return {static_cast<const std::uint64_t*>(indices),
          values_.take(run, entries.values.data(), n * sizeof(Value)), n, dtype_of_values<Value>};
}

template class EntryMover<float>;
template class EntryMover<double>;

}  // namespace skimp
