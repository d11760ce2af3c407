#include "collectives/allreduce/two_phase.h"

#include <numeric>

#include "collectives/reduce_phase.h"

namespace skimp {
namespace {

/// Shards, and their segments, begin at blocks of both codecs.
std::vector<Shard> shards_of(const CodecPtr& codec, const Call& call, const World& world) {
  const std::uint64_t block = std::lcm(call.codec->block(), call.broadcast_codec->block());
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
        reduce_(call, world, shards_of(call.codec, call, world)),
        shards_(shards_of(call.broadcast_codec, call, world)) {
    for (const Shard& shard : shards_) payloads_.emplace_back(shard, sum_dtype_);
  }

  void run(Run& run) override {
    reduce_.expect(run);
    for (int peer = 0; peer < world_.size; ++peer) {
      if (peer == world_.rank) continue;
      for (std::size_t s = 0; s < shard_of(peer).segments.size(); ++s) {
        run.messenger.expect(peer, run.first_round + 1, payload_of(peer, s));
      }
    }
    reduce_.send(run);
    for (std::size_t s = 0; s < shard_of(world_.rank).segments.size(); ++s) broadcast_sum(run, s);
    const std::size_t segments = most_segments(shards_);
    for (std::size_t s = 0; s < segments; ++s) {
      for (int step = 1; step < world_.size; ++step) {
        const int peer = (world_.rank + step) % world_.size;
        if (s < shard_of(peer).segments.size()) deliver(run, peer, s, run.messenger.receive(peer));
      }
    }
  }

 private:
  void broadcast_sum(Run& run, std::size_t segment) {
    const Slice& slice = shard_of(world_.rank).segments[segment];
    const Coder::Values from{.values = reduce_.sum(run, segment),
                             .dtype = sum_dtype_,
                             .residual_out = run.residual_out,
                             .first = slice.begin,
                             .streamed = streamed_};
    const MutableBytes room = payload_of(world_.rank, segment);
    FrameHeader header = coder_.encode(run, slice, from, lane_of(1, world_.rank), room);
    if (run.nonfinite) header.flags |= nonfinite_flag;
    const Bytes payload = room.first(header.payload_bytes);
    header = run.messenger.stamp(header, run.first_round + 1, payload);
    for (int step = 1; step < world_.size; ++step) {
      run.messenger.send((world_.rank + step) % world_.size, header, payload);
    }
    deliver(run, world_.rank, segment, {header, payload});
    run.messenger.poll();
  }

  void deliver(Run& run, int owner, std::size_t segment, const Frame& frame) {
    const Slice& slice = shard_of(owner).segments[segment];
    const Output output{.data = element(run.output, call_.dtype, slice.begin),
                        .dtype = call_.dtype,
                        .divisor = divisor_of(call_, world_),
                        .streamed = streamed_};
    coder_.decode(run, slice, frame, sum_dtype_, output);
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
  Coder coder_;
};

std::string refuses(const Call& call, const World& world) {
  for (const CodecPtr& codec : {call.codec, call.broadcast_codec}) {
    if (!codec->traits().sliceable) return "cannot cut " + codec->text() + " into shards";
    const std::uint64_t kept = codec->kept(call.count);
    if (kept < call.count && kept < static_cast<std::uint64_t>(world.size)) {
      return text("would leave some of ", world.size, " shards without any of the ", kept,
                  " elements that ", codec->text(), " keeps");
    }
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
