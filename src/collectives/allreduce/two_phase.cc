#include "collectives/allreduce/two_phase.h"

#include <numeric>

#include "collectives/reduce_phase.h"

namespace skimp {
namespace {

/// Shards, and their segments, begin at blocks of both codecs.
std::uint64_t block_of(const Call& call) {
  return std::lcm(call.codec->block(), call.broadcast_codec->block());
}

std::vector<Shard> shards_of(const CodecPtr& codec, const Call& call, const World& world) {
  const std::uint64_t block = block_of(call);
  // Both phases cut alike, so that the sum of a segment can go back as soon as it is there.
  const bool cut = call.codec->traits().blockwise && call.broadcast_codec->traits().blockwise;
  return make_shards(codec, make_borders(call.count, world.size, block), block,
                     cut ? world.segment : 0);
}

class TwoPhase final : public Runner {
 public:
  TwoPhase(const Call& call, const World& world)
      : call_(call),
        world_(world),
        sum_dtype_(accumulator_of(call.dtype)),
        streamed_(is_streamed(call)),
        reduce_(call, world, shards_of(call.codec, call, world), call.broadcast_codec.get()),
        shards_(shards_of(call.broadcast_codec, call, world)),
        workers_(call, world) {
    for (const Shard& shard : shards_) {
      payloads_.emplace_back(shard, sum_dtype_, payload_place(call, world));
    }
  }

  void run(Run& run) override {
    reduce_.expect(run);
    for (int peer = 0; peer < world_.size; ++peer) {
      if (peer == world_.rank) continue;
      for (std::size_t s = 0; s < shard_of(peer).segments.size(); ++s) {
        run.messenger.expect(world_.rank_of(peer), run.first_round + 1, payload_of(peer, s),
                             check_to_decode(run));
      }
    }
    reduce_.send(run);
    broadcast_sums(run);
    receive_sums(run);
  }

 private:
  /// Encodes each segment's sum as soon as it is there, decodes that as everyone does, and sends
  /// it.
  void broadcast_sums(Run& run) {
    const Shard& own = shard_of(world_.rank);
    std::vector<FrameHeader> headers(own.segments.size());
    std::vector<MutableBytes> rooms(own.segments.size());
    const std::vector<int> others = world_.others();
    const auto encode = [&](Run& run_of_thread, Coder& coder, std::size_t s, const Part& part,
                            Coder::Values from) {
      const Slice& slice = own.segments[s];
      from.residual_out = run.residual_out;
      from.streamed = streamed_;
      MutableBytes& room = rooms[s];
      if (part.begin == 0) {
        room = room_to_send(run_of_thread, payload_of(world_.rank, s), others);
      }
      const std::uint32_t lane = lane_of(1, world_.rank_of(world_.rank));
      coder.encode(run_of_thread, slice, part, from, lane, room, headers[s]);
      if (!part.is_last()) return;
      deliver(run_of_thread, coder, world_.rank, s,
              {headers[s], room.first(headers[s].payload_bytes)});
    };
    reduce_.for_each_sum(run, encode, [&](std::size_t begin, std::size_t end) {
      for (std::size_t s = begin; s < end; ++s) {
        if (run.nonfinite) headers[s].flags |= nonfinite_flag;
        const Bytes payload = rooms[s].first(headers[s].payload_bytes);
        const FrameHeader header = run.messenger.stamp(headers[s], run.first_round + 1, payload);
        for (int step = 1; step < world_.size; ++step) {
          run.messenger.send(world_.rank_of((world_.rank + step) % world_.size), header, payload);
        }
      }
      run.messenger.poll();
    });
  }

  void receive_sums(Run& run) {
    struct Task {
      int owner;
      std::size_t segment;
      Frame frame;
    };
    std::vector<Task> tasks;
    const auto decode = [&] {
      workers_.for_each(run, tasks.size(), [&](Run& part, Coder& coder, std::size_t i, int) {
        deliver(part, coder, tasks[i].owner, tasks[i].segment, tasks[i].frame);
      });
      for (const Task& task : tasks) {
        run.messenger.release(world_.rank_of(task.owner), task.frame);
      }
      tasks.clear();
    };
    const std::size_t segments = most_segments(shards_);
    for (std::size_t s = 0; s < segments; ++s) {
      for (int step = 1; step < world_.size; ++step) {
        const int owner = (world_.rank + step) % world_.size;
        if (s >= shard_of(owner).segments.size()) continue;
        tasks.push_back({owner, s, run.messenger.receive(world_.rank_of(owner))});
        if (tasks.size() == workers_.batch()) decode();
      }
    }
    decode();
  }

  void deliver(Run& run, Coder& coder, int owner, std::size_t segment, const Frame& frame) const {
    const Slice& slice = shard_of(owner).segments[segment];
    const Output output{.data = element(run.output, call_.dtype, slice.begin),
                        .dtype = call_.dtype,
                        .divisor = divisor_of(call_, world_),
                        .streamed = streamed_};
    coder.decode(run, slice, frame, sum_dtype_, output);
  }

  const Shard& shard_of(int rank) const { return shards_[static_cast<std::size_t>(rank)]; }
  MutableBytes payload_of(int rank, std::size_t segment) const {
    return payloads_[static_cast<std::size_t>(rank)][segment];
  }

  Call call_;
  World world_;
  DType sum_dtype_;
  bool streamed_;
  ReducePhase reduce_;
  std::vector<Shard> shards_;          ///< of the second phase, by owner
  std::vector<PayloadRoom> payloads_;  ///< of the sums, by owner
  Workers workers_;
};

std::string refuses(const Call& call, const World& world) {
  if (const std::string refusal = refuses_robust(call, world.size); !refusal.empty()) {
    return refusal;
  }
  const auto borders = make_borders(call.count, world.size, block_of(call));
  for (const CodecPtr& codec : {call.codec, call.broadcast_codec}) {
    const std::string refusal = refuses_borders(codec, borders);
    if (!refusal.empty()) return refusal;
  }
  return "";
}

Cost cost(const Call& call, const World& world) {
  const auto down = shards_of(call.broadcast_codec, call, world);
  const Shard& own = down[static_cast<std::size_t>(world.rank)];
  return {
      ReducePhase::bytes_sent(call, world, shards_of(call.codec, call, world)) +
          static_cast<std::uint64_t>(world.size - 1) * own.frame_bytes(accumulator_of(call.dtype)),
      2};
}

}  // namespace

const Algorithm two_phase = {"two_phase", SKIMP_ALLREDUCE, refuses, cost, make_runner<TwoPhase>};

}  // namespace skimp
