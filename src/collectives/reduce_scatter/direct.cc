#include "collectives/reduce_scatter/direct.h"

#include <cstring>

#include "codecs/elements.h"
#include "collectives/reduce_phase.h"
#include "collectives/stopwatch.h"

namespace skimp {
namespace {

std::vector<Slice> slices_of(const Call& call, const World& world) {
  const auto parts = static_cast<std::uint64_t>(world.size);
  std::vector<std::uint64_t> borders;
  for (std::uint64_t s = 0; s <= parts; ++s) borders.push_back(s * (call.count / parts));
  return make_slices(call.codec, borders);
}

class Direct final : public Runner {
 public:
  Direct(const Call& call, const World& world)
      : call_(call), world_(world), reduce_(call, world, slices_of(call, world)) {}

  void run(Run& run) override {
    reduce_.send(run);
    const void* sum = reduce_.sum(run);
    if (sum == nullptr) return;
    const Stopwatch stopwatch(run.codec_seconds);
    const Slice& own = reduce_.own();
    visit_accumulator(call_.dtype, [&](auto value) {
      using Value = decltype(value);
      const Sink<Value> sink({run.output, call_.dtype, divisor_of(call_, world_)});
      for_each_tile(Source<Value>(sum, accumulator_of(call_.dtype)), own.count(),
                    [&](std::uint64_t begin, std::uint64_t n, const Value* values) {
                      sink.put(begin, n, values);
                    });
      if (run.residual_out != nullptr) {
        Value* residual = static_cast<Value*>(run.residual_out) + own.begin;
        std::memset(residual, 0, own.count() * sizeof(Value));
      }
    });
  }

 private:
  Call call_;
  World world_;
  ReducePhase reduce_;
};

std::string refuses(const Call& call, const World& world) {
  const auto parts = static_cast<std::uint64_t>(world.size);
  if (call.count % parts != 0) {
    return text("cannot deal ", call.count, " elements to ", world.size, " ranks evenly");
  }
  if (!call.codec->traits().sliceable) return "cannot cut " + call.codec->text() + " into shards";
  return "";
}

Cost cost(const Call& call, const World& world) {
  return {ReducePhase::bytes_sent(call, world, slices_of(call, world)), 1};
}

}  // namespace

const Algorithm reduce_scatter_direct = {"direct", SKIMP_REDUCE_SCATTER, refuses, cost,
                                         make_runner<Direct>};

}  // namespace skimp
