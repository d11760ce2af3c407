#include "collectives/gather_phase.h"

#include "collectives/place.h"

namespace skimp {

GatherPhase::GatherPhase(const Call& call, const World& world)
    : call_(call), world_(world), whole_{call.codec, 0, call.count} {
  for (int rank = 0; rank < world.size; ++rank) {
    payloads_.emplace_back(whole_.payload_bytes(call.dtype), payload_place(call, world));
  }
}

void GatherPhase::send(Run& run) {
  if (whole_.empty()) return;
  for (int peer = 0; peer < world_.size; ++peer) {
    if (peer == world_.rank) continue;
    run.messenger.expect(world_.rank_of(peer), run.first_round,
                         payloads_[static_cast<std::size_t>(peer)].span(), check_to_decode(run));
  }
  const MutableBytes room =
      room_to_send(run, payloads_[static_cast<std::size_t>(world_.rank)].span(), world_.others());
  FrameHeader header;
  coder_.encode(run, whole_, values_of(run, call_), lane_of(0, world_.rank_of(world_.rank)), room,
                header);
  settle(run);
  own_.payload = room.first(header.payload_bytes);
  own_.header = run.messenger.stamp(header, run.first_round, own_.payload);
  for (int step = 1; step < world_.size; ++step) {
    run.messenger.send(world_.rank_of((world_.rank + step) % world_.size), own_.header,
                       own_.payload);
  }
}

void GatherPhase::deliver(Run& run, int rank, const Output& output) {
  if (whole_.empty()) return;
  const Frame frame = rank == world_.rank ? own_ : run.messenger.receive(world_.rank_of(rank));
  coder_.decode(run, whole_, frame, call_.dtype, output);
  if (rank != world_.rank) run.messenger.release(world_.rank_of(rank), frame);
}

Cost GatherPhase::cost(const Call& call, const World& world) {
  const Slice whole{call.codec, 0, call.count};
  if (whole.empty()) return {};
  return {
      static_cast<std::uint64_t>(world.size - 1) * (header_bytes + whole.payload_bytes(call.dtype)),
      1};
}

}  // namespace skimp
