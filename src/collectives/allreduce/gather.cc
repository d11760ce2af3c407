#include "collectives/allreduce/gather.h"

#include "collectives/gather_phase.h"
#include "collectives/place.h"

namespace skimp {
namespace {

class Gather final : public Runner {
 public:
  Gather(const Call& call, const World& world)
      : call_(call),
        world_(world),
        phase_(call, world),
        sum_(call.count * bytes_of(accumulator_of(call.dtype)), call.device) {}

  void run(Run& run) override {
    phase_.send(run);
    Output sum{sum_.data(), accumulator_of(call_.dtype)};
    for (int rank = 0; rank < world_.size; ++rank) {
      sum.add = rank > 0;
      phase_.deliver(run, rank, sum);
    }
    transfer_values(run, {.input = sum_.data(),
                          .dtype = sum.dtype,
                          .count = call_.count,
                          .output = {run.output, call_.dtype, divisor_of(call_, world_)}});
  }

 private:
  Call call_;
  World world_;
  GatherPhase phase_;
  PlacedMemory sum_;
};

}  // namespace

const Algorithm gather = {"gather", SKIMP_ALLREDUCE, refuses_nothing, GatherPhase::cost,
                          make_runner<Gather>};

}  // namespace skimp
