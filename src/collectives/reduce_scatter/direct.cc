#include "collectives/reduce_scatter/direct.h"

#include "collectives/place.h"
#include "collectives/reduce_phase.h"

namespace skimp {
namespace {

class Direct final : public Runner {
 public:
  Direct(const Call& call, const World& world)
      : call_(call), world_(world), reduce_(call, world, equal_shards(call, world)) {}

  void run(Run& run) override {
    reduce_.expect(run);
    reduce_.send(run);
    const auto visit = [&](Run& run_of_thread, Coder&, std::size_t s, const Part&,
                           const Coder::Values& sum) {
      deliver(run_of_thread, reduce_.own().segments[s], sum);
    };
    reduce_.for_each_sum(run, visit, [](std::size_t, std::size_t) {});
  }

 private:
  void deliver(Run& run, const Slice& slice, const Coder::Values& sum) {
    const DType accumulator = accumulator_of(call_.dtype);
    const void* residual = element(sum.residual_in, accumulator, slice.begin);
    const std::uint64_t first = slice.begin - reduce_.own().begin;
    transfer_values(run, {.input = sum.values,
                          .dtype = accumulator,
                          .residual = residual,
                          .count = slice.count(),
                          .output = {.data = element(run.output, call_.dtype, first),
                                     .dtype = call_.dtype,
                                     .divisor = divisor_of(call_, world_)}});
    if (run.residual_out == nullptr) return;
    clear_values(run, element(run.residual_out, accumulator, slice.begin),
                 slice.count() * bytes_of(accumulator));
  }

  Call call_;
  World world_;
  ReducePhase reduce_;
};

std::string refuses(const Call& call, const World& world) {
  const std::string refusal = refuses_uneven(call, world);
  return refusal.empty() ? refuses_robust(call, world.size) : refusal;
}

Cost cost(const Call& call, const World& world) {
  return {ReducePhase::bytes_sent(call, world, equal_shards(call, world)), 1};
}

}  // namespace

const Algorithm reduce_scatter_direct = {"direct", SKIMP_REDUCE_SCATTER, refuses, cost,
                                         make_runner<Direct>};

}  // namespace skimp
