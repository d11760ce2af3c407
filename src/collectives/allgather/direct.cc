#include "collectives/allgather/direct.h"

#include "collectives/gather_phase.h"

namespace skimp {
namespace {

class Direct final : public Runner {
 public:
  Direct(const Call& call, const World& world) : call_(call), world_(world), phase_(call, world) {}

  void run(Run& run) override {
    phase_.send(run);
    for (int rank = 0; rank < world_.size; ++rank) {
      const std::uint64_t first = static_cast<std::uint64_t>(rank) * call_.count;
      phase_.deliver(run, rank, {element(run.output, call_.dtype, first), call_.dtype});
    }
  }

 private:
  Call call_;
  World world_;
  GatherPhase phase_;
};

}  // namespace

const Algorithm allgather_direct = {"direct", SKIMP_ALLGATHER, refuses_nothing, GatherPhase::cost,
                                    make_runner<Direct>};

}  // namespace skimp
