#include "collectives/scatter_phase.h"

#include <algorithm>
#include <utility>

namespace skimp {

ScatterPhase::ScatterPhase(const Call& call, const World& world, std::vector<Shard> shards)
    : call_(call),
      world_(world),
      workers_(call, world),
      shards_(std::move(shards)),
      outgoing_(shards_.size()),
      incoming_(shards_.size()) {
  for (std::size_t peer = 0; peer < shards_.size(); ++peer) {
    if (peer == static_cast<std::size_t>(world.rank)) continue;
    outgoing_[peer] = PayloadRoom(shards_[peer], call.dtype, payload_place(call, world));
    incoming_[peer] = PayloadRoom(own(), call.dtype, payload_place(call, world));
  }
}

void ScatterPhase::expect(Run& run) {
  for (int peer = 0; peer < world_.size; ++peer) {
    if (peer == world_.rank) continue;
    for (std::size_t s = 0; s < own().segments.size(); ++s) {
      run.messenger.expect(world_.rank_of(peer), run.first_round,
                           incoming_[static_cast<std::size_t>(peer)][s], check_to_decode(run));
    }
  }
}

void ScatterPhase::send(Run& run) {
  struct Task {
    int peer;
    std::size_t segment;
    MutableBytes room;
    FrameHeader header;
  };
  std::vector<Task> tasks;
  const std::size_t segments = most_segments(shards_);
  for (std::size_t s = 0; s < segments; ++s) {
    // Each rank begins with its right neighbour, so that no owner is everybody's first.
    for (int step = 1; step < world_.size; ++step) {
      const int peer = (world_.rank + step) % world_.size;
      if (s < shards_[static_cast<std::size_t>(peer)].segments.size())
        tasks.push_back({peer, s, outgoing_[static_cast<std::size_t>(peer)][s], {}});
    }
  }
  for (std::size_t begin = 0; begin < tasks.size(); begin += workers_.batch()) {
    const std::size_t n = std::min(workers_.batch(), tasks.size() - begin);
    workers_.for_each(run, n, [&](Run& part, Coder& coder, std::size_t i, int) {
      Task& task = tasks[begin + i];
      const int reader = world_.rank_of(task.peer);
      task.room = room_to_send(part, task.room, {&reader, 1});
      const Slice& slice = shards_[static_cast<std::size_t>(task.peer)].segments[task.segment];
      coder.encode(part, slice, values_of(run, call_), lane_of(0, world_.rank_of(world_.rank)),
                   task.room, task.header);
    });
    for (std::size_t i = begin; i < begin + n; ++i) {
      const Bytes payload = tasks[i].room.first(tasks[i].header.payload_bytes);
      run.messenger.send(world_.rank_of(tasks[i].peer),
                         run.messenger.stamp(tasks[i].header, run.first_round, payload), payload);
    }
    run.messenger.poll();
  }
}

std::vector<Frame> ScatterPhase::receive(Run& run, std::size_t segments) {
  const auto ranks = static_cast<std::size_t>(world_.size);
  std::vector<Frame> frames(segments * ranks);
  for (std::size_t i = 0; i < segments; ++i) {
    for (int rank = 0; rank < world_.size; ++rank) {
      if (rank == world_.rank) continue;
      frames[i * ranks + static_cast<std::size_t>(rank)] =
          run.messenger.receive(world_.rank_of(rank));
    }
  }
  return frames;
}

void ScatterPhase::release(Run& run, const std::vector<Frame>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto rank = static_cast<int>(i % static_cast<std::size_t>(world_.size));
    if (rank != world_.rank) run.messenger.release(world_.rank_of(rank), frames[i]);
  }
}

std::vector<Shard> equal_shards(const Call& call, const World& world) {
  const auto parts = static_cast<std::uint64_t>(world.size);
  std::vector<std::uint64_t> borders;
  for (std::uint64_t s = 0; s <= parts; ++s) borders.push_back(s * (call.count / parts));
  return make_shards(call.codec, borders, call.codec->block(), world.segment);
}

std::string refuses_uneven(const Call& call, const World& world) {
  const auto parts = static_cast<std::uint64_t>(world.size);
  if (call.count % parts != 0) {
    return text("cannot deal ", call.count, " elements to ", world.size, " ranks evenly");
  }
  if (!call.codec->traits().sliceable) return "cannot cut " + call.codec->text() + " into shards";
  return "";
}

std::uint64_t ScatterPhase::bytes_sent(const Call& call, const World& world,
                                       const std::vector<Shard>& shards) {
  std::uint64_t bytes = 0;
  for (std::size_t peer = 0; peer < shards.size(); ++peer) {
    if (peer != static_cast<std::size_t>(world.rank)) bytes += shards[peer].frame_bytes(call.dtype);
  }
  return bytes;
}

}  // namespace skimp
