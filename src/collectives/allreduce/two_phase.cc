#include "collectives/allreduce/two_phase.h"

#include <numeric>

#include "collectives/reduce_phase.h"

namespace skimp {
namespace {

std::vector<std::uint64_t> borders_of(const Call& call, const World& world) {
  const std::uint64_t block = std::lcm(call.codec->block(), call.broadcast_codec->block());
  return make_borders(call.count, world.size, block);
}

class TwoPhase final : public Runner {
 public:
  TwoPhase(const Call& call, const World& world)
      : call_(call),
        world_(world),
        sum_dtype_(accumulator_of(call.dtype)),
        reduce_(call, world, make_slices(call.codec, borders_of(call, world))),
        slices_(make_slices(call.broadcast_codec, borders_of(call, world))) {
    for (const Slice& slice : slices_) payloads_.emplace_back(slice.payload_bytes(sum_dtype_));
  }

  void run(Run& run) override {
    reduce_.send(run);
    for (int peer = 0; peer < world_.size; ++peer) {
      if (peer == world_.rank || slice_of(peer).empty()) continue;
      run.messenger.expect(peer, run.first_round + 1, payload_of(peer));
    }
    broadcast_sum(run, reduce_.sum(run));
    for (int step = 1; step < world_.size; ++step) {
      const int peer = (world_.rank + step) % world_.size;
      if (!slice_of(peer).empty()) deliver(run, peer, run.messenger.receive(peer));
    }
  }

 private:
  void broadcast_sum(Run& run, const void* sum) {
    const Slice& own = slice_of(world_.rank);
    if (own.empty()) return;
    const Coder::Values from{sum, sum_dtype_, nullptr, run.residual_out, own.begin};
    const MutableBytes room = payload_of(world_.rank);
    FrameHeader header = coder_.encode(run, own, from, lane_of(1, world_.rank), room);
    if (run.nonfinite) header.flags |= nonfinite_flag;
    const Bytes payload = room.first(header.payload_bytes);
    header = run.messenger.stamp(header, run.first_round + 1, payload);
    for (int step = 1; step < world_.size; ++step) {
      run.messenger.send((world_.rank + step) % world_.size, header, payload);
    }
    deliver(run, world_.rank, {header, payload});
  }

  void deliver(Run& run, int owner, const Frame& frame) {
    const Slice& slice = slice_of(owner);
    const Output output{element(run.output, call_.dtype, slice.begin), call_.dtype,
                        divisor_of(call_, world_)};
    coder_.decode(run, slice, frame, sum_dtype_, output);
  }

  const Slice& slice_of(int rank) const { return slices_[static_cast<std::size_t>(rank)]; }
  MutableBytes payload_of(int rank) const {
    return payloads_[static_cast<std::size_t>(rank)].span();
  }

  Call call_;
  World world_;
  DType sum_dtype_;
  ReducePhase reduce_;
  std::vector<Slice> slices_;     ///< of the second phase, by owner
  std::vector<Buffer> payloads_;  ///< of the sums, by owner
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
  const auto borders = borders_of(call, world);
  const auto slices = make_slices(call.broadcast_codec, borders);
  const Slice& own = slices[static_cast<std::size_t>(world.rank)];
  std::uint64_t bytes = ReducePhase::bytes_sent(call, world, make_slices(call.codec, borders));
  if (!own.empty()) {
    bytes += static_cast<std::uint64_t>(world.size - 1) *
             (header_bytes + own.payload_bytes(accumulator_of(call.dtype)));
  }
  return {bytes, 2};
}

}  // namespace

const Algorithm two_phase = {"two_phase", SKIMP_ALLREDUCE, refuses, cost, make_runner<TwoPhase>};

}  // namespace skimp
