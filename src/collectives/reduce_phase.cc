#include "collectives/reduce_phase.h"

#include <utility>

#include "codecs/elements.h"
#include "collectives/stopwatch.h"

namespace skimp {

ReducePhase::ReducePhase(const Call& call, const World& world, std::vector<Slice> slices)
    : call_(call),
      world_(world),
      slices_(std::move(slices)),
      sum_(own().count() * bytes_of(accumulator_of(call.dtype))) {
  for (int peer = 0; peer < world.size; ++peer) {
    const Slice& theirs = slices_[static_cast<std::size_t>(peer)];
    const bool self = peer == world.rank;
    outgoing_.emplace_back(self ? 0 : theirs.payload_bytes(call.dtype));
    incoming_.emplace_back(self ? 0 : own().payload_bytes(call.dtype));
  }
}

void ReducePhase::send(Run& run) {
  if (!own().empty()) {
    for (int peer = 0; peer < world_.size; ++peer) {
      if (peer == world_.rank) continue;
      run.messenger.expect(peer, run.first_round, incoming_[static_cast<std::size_t>(peer)].span());
    }
  }
  // Each rank begins with its right neighbour, so that no owner is everybody's first.
  for (int step = 1; step < world_.size; ++step) {
    const int peer = (world_.rank + step) % world_.size;
    const Slice& slice = slices_[static_cast<std::size_t>(peer)];
    if (slice.empty()) continue;
    const MutableBytes room = outgoing_[static_cast<std::size_t>(peer)].span();
    const FrameHeader header =
        coder_.encode(run, slice, values_of(run, call_), lane_of(0, world_.rank), room);
    const Bytes payload = room.first(header.payload_bytes);
    run.messenger.send(peer, run.messenger.stamp(header, run.first_round, payload), payload);
    run.messenger.poll();
  }
}

const void* ReducePhase::sum(Run& run) {
  if (own().empty()) return nullptr;
  Output output{sum_.data(), accumulator_of(call_.dtype)};
  for (int rank = 0; rank < world_.size; ++rank) {
    output.add = rank > 0;
    if (rank == world_.rank) {
      add_own(run, !output.add);
    } else {
      coder_.decode(run, own(), run.messenger.receive(rank), call_.dtype, output);
    }
  }
  return sum_.data();
}

void ReducePhase::add_own(Run& run, bool first) {
  const Stopwatch stopwatch(run.codec_seconds);
  visit_accumulator(call_.dtype, [&](auto value) {
    using Value = decltype(value);
    const DType accumulator = accumulator_of(call_.dtype);
    const std::uint64_t begin = own().begin;
    const Source<Value> source(element(run.input, call_.dtype, begin), call_.dtype,
                               element(run.residual_in, accumulator, begin));
    Output output{sum_.data(), accumulator};
    output.add = !first;
    const Sink<Value> sink(output);
    alignas(64) Value tile[tile_elements];
    for (std::uint64_t at = 0; at < own().count(); at += tile_elements) {
      const std::uint64_t n = std::min(tile_elements, own().count() - at);
      const Value* values = source.load(at, n, tile);
      run.nonfinite |= !all_finite(values, n);
      sink.put(at, n, values);
    }
  });
}

std::uint64_t ReducePhase::bytes_sent(const Call& call, const World& world,
                                      const std::vector<Slice>& slices) {
  std::uint64_t bytes = 0;
  for (int peer = 0; peer < world.size; ++peer) {
    const Slice& slice = slices[static_cast<std::size_t>(peer)];
    if (peer == world.rank || slice.empty()) continue;
    bytes += header_bytes + slice.payload_bytes(call.dtype);
  }
  return bytes;
}

}  // namespace skimp
