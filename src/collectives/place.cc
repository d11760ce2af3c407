#include "collectives/place.h"

#include <cstring>

#include "codecs/elements.h"
#include "collectives/device_queue.h"
#include "collectives/stopwatch.h"
#include "device/library.h"

namespace skimp {
namespace {

void queue_transfer(Run& run, const Transfer& job, DeviceStatus* word) {
  SKIMP_ON_DEVICE(skimp_cuda_transfer, run.queue->stream(), job, word);
}

}  // namespace

void transfer_checked(Run& run, const Transfer& job) {
  const Stopwatch stopwatch(run.codec_seconds);
  if (run.queue != nullptr) return queue_transfer(run, job, run.queue->word());
  run.nonfinite |= !transfer_checked(job);
}

void transfer_values(Run& run, const Transfer& job) {
  const Stopwatch stopwatch(run.codec_seconds);
  if (run.queue != nullptr) return queue_transfer(run, job, nullptr);
  transfer_values(job);
}

void copy_values(Run& run, void* to, const void* from, std::uint64_t bytes) {
  if (run.queue != nullptr) return run.queue->copy(to, from, bytes);
  if (bytes > 0) std::memcpy(to, from, bytes);
}

void clear_values(Run& run, void* values, std::uint64_t bytes) {
  if (run.queue != nullptr) return run.queue->clear(values, bytes);
  if (bytes > 0) std::memset(values, 0, bytes);
}

void look_at_values(Run& run, const void* input, DType dtype, const void* residual,
                    std::uint64_t count) {
  if (run.queue != nullptr) {
    const Transfer job{input, dtype, residual, count, {.dtype = accumulator_of(dtype)}};
    return queue_transfer(run, job, run.queue->word());
  }
  visit_accumulator(dtype, [&](auto value) {
    for_each_tile(Source<decltype(value)>(input, dtype, residual), count,
                  [&](std::uint64_t, std::uint64_t n, const auto* values) {
                    run.nonfinite |= !all_finite(values, n);
                  });
  });
}

void settle(Run& run) {
  if (run.queue == nullptr) return;
  const Stopwatch stopwatch(run.codec_seconds);
  const DeviceQueue::Findings found = run.queue->settle();
  run.nonfinite |= found.nonfinite;
  run.guess_hits += found.guess_hits;
  run.guess_misses += found.guess_misses;
}

}  // namespace skimp
