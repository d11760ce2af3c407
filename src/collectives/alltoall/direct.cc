#include "collectives/alltoall/direct.h"

#include <algorithm>
#include <vector>

#include "collectives/place.h"
#include "collectives/scatter_phase.h"

namespace skimp {
namespace {

class Direct final : public ScatterPhase, public Runner {
 public:
  Direct(const Call& call, const World& world)
      : ScatterPhase(call, world, equal_shards(call, world)),
        own_(own().count() * bytes_of(call.dtype), call.device) {}

  /// The output may be the input, so all of it is read before any of it is written.
  void run(Run& run) override {
    expect(run);
    send(run);
    keep_own(run);
    const std::size_t segments = own().segments.size();
    for (std::size_t begin = 0; begin < segments; begin += workers_.batch()) {
      deliver(run, begin, std::min(workers_.batch(), segments - begin));
    }
    copy_values(run, place(run, world_.rank, 0).data, own_.data(), own_.bytes());
  }

 private:
  /// This rank's own part, input + residual rounded once; what that loses stays in the residual.
  void keep_own(Run& run) {
    const DType accumulator = accumulator_of(call_.dtype);
    transfer_checked(run, {.input = element(run.input, call_.dtype, own().begin),
                           .dtype = call_.dtype,
                           .residual = element(run.residual_in, accumulator, own().begin),
                           .count = own().count(),
                           .output = {.data = own_.data(), .dtype = call_.dtype},
                           .rest = {.data = element(run.residual_out, accumulator, own().begin),
                                    .dtype = accumulator}});
  }

  void deliver(Run& run, std::size_t begin, std::size_t n) {
    const std::vector<Frame> frames = receive(run, n);
    workers_.for_each(run, frames.size(), [&](Run& part, Coder& coder, std::size_t i, int) {
      const auto ranks = static_cast<std::size_t>(world_.size);
      const auto rank = static_cast<int>(i % ranks);
      if (rank == world_.rank) return;
      const Slice& slice = own().segments[begin + i / ranks];
      const Output output = place(part, rank, slice.begin - own().begin);
      coder.decode(part, slice, frames[i], call_.dtype, output);
    });
    release(run, frames);
  }

  /// Where element `first` of the part from `rank` goes.
  Output place(const Run& run, int rank, std::uint64_t first) const {
    const std::uint64_t at = static_cast<std::uint64_t>(rank) * own().count() + first;
    return {.data = element(run.output, call_.dtype, at), .dtype = call_.dtype};
  }

  PlacedMemory own_;  ///< this rank's part of its own input
};

Cost cost(const Call& call, const World& world) {
  if (call.count == 0) return {};
  return {ScatterPhase::bytes_sent(call, world, equal_shards(call, world)), 1};
}

}  // namespace

const Algorithm alltoall_direct = {"direct", SKIMP_ALLTOALL, refuses_uneven, cost,
                                   make_runner<Direct>};

}  // namespace skimp
