/// \file
/// The sums over single spans, added in order.
#pragma once

#include <cstdint>

#include "cuda/codecs/batch.cuh"
#include "cuda/codecs/lowrank/values.cuh"

namespace skimp::cuda::lowrank {

/// Sums of spans that are read at once.
inline constexpr unsigned spans_ahead = 8;

/// `count` sums at `to`, of `spans` parts each at `partial`, one span after the other.
struct Spans {
  std::uint64_t count = 0;
  std::uint64_t spans = 0;
  std::uint64_t partial = 0;
  std::uint64_t to = 0;
};

template <class Value>
struct AddSpans {
  Batch<Spans> batch;
  const Value* partial;
  Value* buffer;
  DeviceStatus* status;
};

/// A warp takes a value a lane.
template <class Value>
__global__ void add_spans(AddSpans<Value> job) {
  const std::uint64_t items = job.batch.ends[job.batch.count - 1];
  for (std::uint64_t index = first_piece(); index < items; index += pieces_at_once()) {
    const auto [entry, item] = job.batch.find(index);
    const std::uint64_t i = item * warp_size + lane();
    if (i >= entry.count) continue;
    const Value* from = job.partial + entry.partial + i;
    Value sum = from[0];
    for_each_step<spans_ahead>(1, entry.spans, 1, [&](std::uint64_t span, auto steps) {
      constexpr unsigned U = decltype(steps)::value;
      Value parts[U];
      SKIMP_UNROLL
      for (unsigned u = 0; u < U; ++u) parts[u] = from[(span + u) * entry.count];
      SKIMP_UNROLL
      for (unsigned u = 0; u < U; ++u) sum += parts[u];
    });
    job.buffer[entry.to + i] = canonical(sum);
    if (!is_finite(sum)) report(job.status, nonfinite_status);
  }
}

}  // namespace skimp::cuda::lowrank
