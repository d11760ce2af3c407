#include "collectives/reduce_phase.h"

#include <algorithm>
#include <utility>

#include "base/isa.h"
#include "codecs/elements.h"
#include "collectives/stopwatch.h"

namespace skimp {

ReducePhase::ReducePhase(const Call& call, const World& world, std::vector<Shard> shards)
    : call_(call),
      world_(world),
      shards_(std::move(shards)),
      workers_(world),
      outgoing_(shards_.size()),
      incoming_(shards_.size()) {
  if (is_robust(call.op)) robust_.emplace(call, world.size);
  const std::uint64_t rows = robust_ ? static_cast<std::uint64_t>(world.size) : 1;
  for (int thread = 0; thread < workers_.threads(); ++thread) {
    sums_.emplace_back(rows * own().largest_segment() * bytes_of(accumulator_of(call.dtype)));
  }
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
      run.messenger.expect(world_.rank_of(peer), run.first_round,
                           incoming_[static_cast<std::size_t>(peer)][s]);
    }
  }
}

void ReducePhase::send(Run& run) {
  struct Task {
    int peer;
    std::size_t segment;
    FrameHeader header;
  };
  std::vector<Task> tasks;
  const std::size_t segments = most_segments(shards_);
  for (std::size_t s = 0; s < segments; ++s) {
    // Each rank begins with its right neighbour, so that no owner is everybody's first.
    for (int step = 1; step < world_.size; ++step) {
      const int peer = (world_.rank + step) % world_.size;
      if (s < shards_[static_cast<std::size_t>(peer)].segments.size())
        tasks.push_back({peer, s, {}});
    }
  }
  const auto room_of = [&](const Task& task) {
    return outgoing_[static_cast<std::size_t>(task.peer)][task.segment];
  };
  for (std::size_t begin = 0; begin < tasks.size(); begin += workers_.batch()) {
    const std::size_t n = std::min(workers_.batch(), tasks.size() - begin);
    workers_.for_each(run, n, [&](Run& part, Coder& coder, std::size_t i, int) {
      Task& task = tasks[begin + i];
      const Slice& slice = shards_[static_cast<std::size_t>(task.peer)].segments[task.segment];
      task.header = coder.encode(part, slice, values_of(run, call_),
                                 lane_of(0, world_.rank_of(world_.rank)), room_of(task));
    });
    for (std::size_t i = begin; i < begin + n; ++i) {
      const Bytes payload = room_of(tasks[i]).first(tasks[i].header.payload_bytes);
      run.messenger.send(world_.rank_of(tasks[i].peer),
                         run.messenger.stamp(tasks[i].header, run.first_round, payload), payload);
    }
    run.messenger.poll();
  }
}

void ReducePhase::for_each_sum(Run& run, const Visit& visit,
                               const std::function<void(std::size_t, std::size_t)>& after) {
  const std::size_t segments = own().segments.size();
  const auto ranks = static_cast<std::size_t>(world_.size);
  std::vector<Frame> frames(workers_.batch() * ranks);
  for (std::size_t begin = 0; begin < segments; begin += workers_.batch()) {
    const std::size_t n = std::min(workers_.batch(), segments - begin);
    for (std::size_t i = 0; i < n; ++i) {
      for (int rank = 0; rank < world_.size; ++rank) {
        if (rank == world_.rank) continue;
        frames[i * ranks + static_cast<std::size_t>(rank)] =
            run.messenger.receive(world_.rank_of(rank));
      }
    }
    workers_.for_each(run, n, [&](Run& part, Coder& coder, std::size_t i, int thread) {
      const Slice& slice = own().segments[begin + i];
      for (int rank = 0; rank < world_.size; ++rank) {
        if (rank == world_.rank) {
          add_own(part, slice, place_of(rank, thread));
        } else {
          const Frame& frame = frames[i * ranks + static_cast<std::size_t>(rank)];
          coder.decode(part, slice, frame, call_.dtype, place_of(rank, thread));
        }
      }
      void* sum = sums_[static_cast<std::size_t>(thread)].data();
      if (robust_) {
        const Stopwatch stopwatch(part.codec_seconds);
        robust_->run(sum, own().largest_segment(), slice.count());
      }
      visit(part, coder, begin + i, sum);
    });
    after(begin, begin + n);
  }
}

/// Where the values of a rank go: a row of their own, or all to the sum.
Output ReducePhase::place_of(int rank, int thread) const {
  const DType accumulator = accumulator_of(call_.dtype);
  const std::uint64_t row = robust_ ? static_cast<std::uint64_t>(rank) : 0;
  void* sums = sums_[static_cast<std::size_t>(thread)].data();
  return {.data = element(sums, accumulator, row * own().largest_segment()),
          .dtype = accumulator,
          .add = !robust_ && rank > 0};
}

void ReducePhase::add_own(Run& run, const Slice& slice, const Output& output) const {
  const Stopwatch stopwatch(run.codec_seconds);
  const DType accumulator = accumulator_of(call_.dtype);
  const void* residual = robust_ ? nullptr : run.residual_in;
  run.nonfinite |= !on_isa([&](auto) {
    return visit_accumulator(call_.dtype, [&](auto value) {
      using Value = decltype(value);
      const Source<Value> source(element(run.input, call_.dtype, slice.begin), call_.dtype,
                                 element(residual, accumulator, slice.begin));
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
