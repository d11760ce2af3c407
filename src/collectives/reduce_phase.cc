#include "collectives/reduce_phase.h"

#include <utility>

#include "base/isa.h"
#include "codecs/elements.h"
#include "collectives/stopwatch.h"

namespace skimp {

ReducePhase::ReducePhase(const Call& call, const World& world, std::vector<Shard> shards)
    : call_(call),
      world_(world),
      shards_(std::move(shards)),
      outgoing_(shards_.size()),
      incoming_(shards_.size()),
      sum_(own().largest_segment() * bytes_of(accumulator_of(call.dtype))) {
  for (std::size_t peer = 0; peer < shards_.size(); ++peer) {
    if (peer == static_cast<std::size_t>(world.rank)) continue;
    outgoing_[peer] = PayloadRoom(shards_[peer], call.dtype);
    incoming_[peer] = PayloadRoom(own(), call.dtype);
  }
}

void ReducePhase::expect(Run& run) {
  for (int peer = 0; peer < world_.size; ++peer) {
    if (peer == world_.rank) continue;
    for (std::size_t s = 0; s < own().segments.size(); ++s) {
      run.messenger.expect(peer, run.first_round, incoming_[static_cast<std::size_t>(peer)][s]);
    }
  }
}

void ReducePhase::send(Run& run) {
  const std::size_t segments = most_segments(shards_);
  for (std::size_t s = 0; s < segments; ++s) {
    // Each rank begins with its right neighbour, so that no owner is everybody's first.
    for (int step = 1; step < world_.size; ++step) {
      const int peer = (world_.rank + step) % world_.size;
      const Shard& shard = shards_[static_cast<std::size_t>(peer)];
      if (s >= shard.segments.size()) continue;
      const MutableBytes room = outgoing_[static_cast<std::size_t>(peer)][s];
      const FrameHeader header = coder_.encode(run, shard.segments[s], values_of(run, call_),
                                               lane_of(0, world_.rank), room);
      const Bytes payload = room.first(header.payload_bytes);
      run.messenger.send(peer, run.messenger.stamp(header, run.first_round, payload), payload);
    }
    run.messenger.poll();
  }
}

const void* ReducePhase::sum(Run& run, std::size_t segment) {
  const Slice& slice = own().segments[segment];
  Output output{.data = sum_.data(), .dtype = accumulator_of(call_.dtype)};
  for (int rank = 0; rank < world_.size; ++rank) {
    output.add = rank > 0;
    if (rank == world_.rank) {
      add_own(run, slice, !output.add);
    } else {
      coder_.decode(run, slice, run.messenger.receive(rank), call_.dtype, output);
    }
  }
  return sum_.data();
}

void ReducePhase::add_own(Run& run, const Slice& slice, bool first) {
  const Stopwatch stopwatch(run.codec_seconds);
  const DType accumulator = accumulator_of(call_.dtype);
  const Output output{.data = sum_.data(), .dtype = accumulator, .add = !first};
  run.nonfinite |= !on_isa([&](auto) {
    return visit_accumulator(call_.dtype, [&](auto value) {
      using Value = decltype(value);
      const Source<Value> source(element(run.input, call_.dtype, slice.begin), call_.dtype,
                                 element(run.residual_in, accumulator, slice.begin));
      const Sink<Value> sink(output);
      bool finite = true;
      for_each_tile(source, slice.count(),
                    [&](std::uint64_t begin, std::uint64_t n, const Value* values) {
                      finite &= all_finite(values, n);
                      sink.put(begin, n, values);
                    });
      return finite;
    });
  });
}

std::uint64_t ReducePhase::bytes_sent(const Call& call, const World& world,
                                      const std::vector<Shard>& shards) {
  std::uint64_t bytes = 0;
  for (std::size_t peer = 0; peer < shards.size(); ++peer) {
    if (peer != static_cast<std::size_t>(world.rank)) bytes += shards[peer].frame_bytes(call.dtype);
  }
  return bytes;
}

}  // namespace skimp
