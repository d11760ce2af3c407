#include "collectives/allreduce/gather.h"

#include "codecs/elements.h"
#include "collectives/gather_phase.h"
#include "collectives/stopwatch.h"

namespace skimp {
namespace {

class Gather final : public Runner {
 public:
  Gather(const Call& call, const World& world)
      : call_(call),
        world_(world),
        phase_(call, world),
        sum_(call.count * bytes_of(accumulator_of(call.dtype))) {}

  void run(Run& run) override {
    phase_.send(run);
    Output sum{sum_.data(), accumulator_of(call_.dtype)};
    for (int rank = 0; rank < world_.size; ++rank) {
      sum.add = rank > 0;
      phase_.deliver(run, rank, sum);
    }
    const Stopwatch stopwatch(run.codec_seconds);
    visit_accumulator(call_.dtype, [&](auto value) {
      using Value = decltype(value);
      const Sink<Value> sink({run.output, call_.dtype, divisor_of(call_, world_)});
      for_each_tile(Source<Value>(sum_.data(), sum.dtype), call_.count,
                    [&](std::uint64_t begin, std::uint64_t n, const Value* values) {
                      sink.put(begin, n, values);
                    });
    });
  }

 private:
  Call call_;
  World world_;
  GatherPhase phase_;
  Buffer sum_;
};

}  // namespace

const Algorithm gather = {"gather", SKIMP_ALLREDUCE, refuses_nothing, GatherPhase::cost,
                          make_runner<Gather>};

}  // namespace skimp
