#include "collectives/broadcast/tree.h"

#include <bit>

#include "collectives/place.h"
#include "collectives/slices.h"

namespace skimp {
namespace {

/// Places in the tree: 0 is the root.
int place_of(const Call& call, const World& world) {
  return (world.rank - call.root + world.size) % world.size;
}

std::vector<int> children_of(int place, int size) {
  std::vector<int> children;
  for (unsigned bit = std::bit_floor(static_cast<unsigned>(place)) * 2 + (place == 0 ? 1 : 0);
       place + static_cast<int>(bit) < size; bit *= 2) {
    children.push_back(place + static_cast<int>(bit));
  }
  return children;
}

class Tree final : public Runner {
 public:
  Tree(const Call& call, const World& world)
      : call_(call),
        world_(world),
        whole_{call.codec, 0, call.count},
        payload_(whole_.payload_bytes(call.dtype), payload_place(call, world)) {}

  void run(Run& run) override {
    if (whole_.empty()) return;
    const int place = place_of(call_, world_);
    const int round = std::bit_width(static_cast<unsigned>(place));
    const Frame frame = place == 0 ? encode(run) : receive(run, place, round);
    for (const int child : children_of(place, world_.size)) {
      const int child_round = std::bit_width(static_cast<unsigned>(child));
      run.messenger.send(
          rank_at(child),
          run.messenger.stamp(frame.header, run.first_round + child_round, frame.payload),
          frame.payload);
    }
    coder_.decode(run, whole_, frame, call_.dtype, {run.output, call_.dtype});
  }

 private:
  int rank_at(int place) const { return (place + call_.root) % world_.size; }

  Frame encode(Run& run) {
    FrameHeader header;
    coder_.encode(run, whole_, values_of(run, call_), lane_of(0, world_.rank), payload_.span(),
                  header);
    settle(run);
    return {header, payload_.span().first(header.payload_bytes)};
  }

  Frame receive(Run& run, int place, int round) {
    const int parent = place - static_cast<int>(std::bit_floor(static_cast<unsigned>(place)));
    run.messenger.expect(rank_at(parent), run.first_round + round, payload_.span());
    return run.messenger.receive(rank_at(parent));
  }

  Call call_;
  World world_;
  Slice whole_;
  Coder coder_;
  PayloadMemory payload_;
};

std::string refuses(const Call& call, const World& world) {
  if (call.root >= 0 && call.root < world.size) return "";
  return text("has no root ", call.root, " among ", world.size, " ranks");
}

Cost cost(const Call& call, const World& world) {
  if (call.count == 0) return {};
  const std::uint64_t children = children_of(place_of(call, world), world.size).size();
  return {children * (header_bytes + call.codec->payload_bytes(call.count, call.dtype)),
          static_cast<std::uint64_t>(std::bit_width(static_cast<unsigned>(world.size - 1)))};
}

}  // namespace

const Algorithm broadcast_tree = {"tree", SKIMP_BROADCAST, refuses, cost, make_runner<Tree>};

}  // namespace skimp
