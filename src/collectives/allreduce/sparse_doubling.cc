#include "collectives/allreduce/sparse_doubling.h"

#include "codecs/registry.h"
#include "collectives/doubling_phase.h"
#include "collectives/place.h"
#include "collectives/slices.h"

namespace skimp {
namespace {

template <class Value>
DoublingPhase<Value> prepared(const Call& call, const World& world) {
  DoublingPhase<Value> phase(call.count, world, *call.codec->entry_coding(),
                             exact_entry_coding(call.dtype));
  phase.prepare(std::vector<std::uint64_t>(static_cast<std::size_t>(world.size),
                                           call.codec->kept(call.count)));
  return phase;
}

template <class Value>
class Doubling final : public Runner {
 public:
  Doubling(const Call& call, const World& world)
      : call_(call),
        world_(world),
        whole_{call.codec, 0, call.count},
        selection_(whole_.payload_bytes(call.dtype), call.device),
        phase_(prepared<Value>(call_, world)) {}

  void run(Run& run) override {
    if (whole_.empty()) return;
    FrameHeader header;
    coder_.encode(run, whole_, values_of(run, call_), lane_of(0, world_.rank), selection_.span(),
                  header);
    settle(run);
    const Frame own{header, selection_.span().first(header.payload_bytes)};
    phase_.run(run, own).deliver(run, mover_, {run.output, call_.dtype, divisor_of(call_, world_)});
  }

 private:
  Call call_;
  World world_;
  Slice whole_;
  Coder coder_;
  Buffer selection_;
  DoublingPhase<Value> phase_;
  EntryMover<Value> mover_;
};

std::unique_ptr<Runner> make(const Call& call, const World& world) {
  return visit_accumulator(call.dtype, [&](auto value) -> std::unique_ptr<Runner> {
    return std::make_unique<Doubling<decltype(value)>>(call, world);
  });
}

Cost cost(const Call& call, const World& world) {
  if (call.count == 0) return {};
  return visit_accumulator(
      call.dtype, [&](auto value) { return prepared<decltype(value)>(call, world).cost(); });
}

}  // namespace

const Algorithm sparse_doubling = {
    "sparse_doubling", SKIMP_ALLREDUCE, refuses_unless_entries, cost, make, true};

}  // namespace skimp
