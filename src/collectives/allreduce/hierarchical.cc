#include "collectives/allreduce/hierarchical.h"

#include <numeric>

#include "codecs/registry.h"
#include "collectives/allreduce/gather.h"
#include "collectives/allreduce/two_phase.h"
#include "collectives/dense_values.h"
#include "collectives/nodes.h"
#include "collectives/place.h"
#include "collectives/reduce_phase.h"

namespace skimp {
namespace {

/// What the three steps do with one rank's values.
struct Steps {
  Neighbourhood around;
  Call within;                           ///< the sum of a node's values, as they are
  std::vector<Shard> shards;             ///< by member of the node; empty for those that own none
  Call between;                          ///< of this rank's shard
  const Algorithm* algorithm = nullptr;  ///< for `between`; null: there is nothing to do

  const Shard& own() const { return shards[static_cast<std::size_t>(around.node.rank)]; }
};

Call within_node(const Call& call) {
  Call within = call;
  within.op = SKIMP_SUM;
  within.codec = within.broadcast_codec = codec_from_text("identity");
  return within;
}

std::uint64_t block_of(const Call& call) {
  return std::lcm(std::lcm(call.codec->block(), call.broadcast_codec->block()), dense_block);
}

/// The shards that a node's members own; members past the last own empty ones.
std::vector<Shard> shards_of(const Call& call, const Neighbourhood& around) {
  const std::uint64_t block = block_of(call);
  std::vector<std::uint64_t> borders = make_borders(call.count, around.shards, block);
  borders.resize(static_cast<std::size_t>(around.node.size) + 1, call.count);
  return make_shards(codec_from_text("identity"), borders, block, around.node.segment);
}

Call between_nodes(const Call& call, const Shard& own) {
  Call between = call;
  between.count = own.count();
  between.dtype = accumulator_of(call.dtype);
  between.op = SKIMP_SUM;
  between.codec = call.codec->slice(own.begin, own.end, call.count);
  between.broadcast_codec = call.broadcast_codec->slice(own.begin, own.end, call.count);
  return between;
}

Steps steps_of(const Call& call, const World& world) {
  Steps steps;
  steps.around = neighbourhood_of(world);
  steps.within = within_node(call);
  steps.shards = shards_of(call, steps.around);
  steps.between = between_nodes(call, steps.own());
  if (steps.around.across.size > 1 && steps.own().count() > 0) {
    const bool splits = two_phase.refuses(steps.between, steps.around.across).empty();
    steps.algorithm = splits ? &two_phase : &gather;
  }
  return steps;
}

class Hierarchical final : public Runner {
 public:
  Hierarchical(const Call& call, const World& world)
      : call_(call),
        world_(world),
        steps_(steps_of(call, world)),
        reduce_(steps_.within, steps_.around.node, steps_.shards),
        outputs_(call.dtype, call.count, payload_place(call, world)),
        sum_(steps_.own().count() * bytes_of(accumulator_of(call.dtype)), call.device) {
    if (steps_.algorithm != nullptr) {
      runner_ = steps_.algorithm->make(steps_.between, steps_.around.across);
    }
  }

  void run(Run& run) override {
    add_within(run);
    add_between(run);
    expect_results(run);
    write_result(run);
    send_result(run);
    receive_results(run);
  }

 private:
  const World& node() const { return steps_.around.node; }
  const Shard& own() const { return steps_.own(); }
  DType accumulator() const { return accumulator_of(call_.dtype); }

  void add_within(Run& run) {
    reduce_.expect(run);
    reduce_.send(run);
    const auto keep = [&](Run& run_of_thread, Coder&, std::size_t s, const Part&,
                          const Coder::Values& sum) {
      const Slice& slice = own().segments[s];
      copy_values(run_of_thread, element(sum_.data(), accumulator(), slice.begin - own().begin),
                  sum.values, slice.count() * bytes_of(accumulator()));
    };
    reduce_.for_each_sum(run, keep, [](std::size_t, std::size_t) {});
  }

  /// The residual of this rank's own shard: nothing, or what the algorithm leaves out.
  void add_between(Run& run) {
    void* residual = element(run.residual_out, accumulator(), own().begin);
    if (runner_ == nullptr) {
      if (residual != nullptr) {
        clear_values(run, residual, own().count() * bytes_of(accumulator()));
      }
      return;
    }
    Run between = run.without_counts();
    between.input = between.output = sum_.data();
    between.residual_in = nullptr;
    between.residual_out = residual;
    between.first_round = run.first_round + 1;
    runner_->run(between);
    run.add_counts(between);
  }

  void write_result(Run& run) {
    transfer_values(run, {.input = sum_.data(),
                          .dtype = accumulator(),
                          .count = own().count(),
                          .output = {.data = element(run.output, call_.dtype, own().begin),
                                     .dtype = call_.dtype,
                                     .divisor = divisor_of(call_, world_)}});
    outputs_.fetch(run, run.output, own().begin, own().count());
    settle(run);
  }

  /// Calls visit(rank, slice) for what the other members of the node own.
  template <class Visit>
  void for_each_other(const Visit& visit) const {
    for (int member = 0; member < node().size; ++member) {
      if (member == node().rank) continue;
      for (const Slice& slice : steps_.shards[static_cast<std::size_t>(member)].segments) {
        visit(node().rank_of(member), slice);
      }
    }
  }

  void expect_results(Run& run) {
    for_each_other([&](int rank, const Slice& slice) {
      run.messenger.expect(rank, run.first_round + 3,
                           outputs_.room(run.output, slice.begin, slice.count()),
                           check_to_take(run));
    });
  }

  void send_result(Run& run) {
    const std::vector<int> others = node().others();
    for (const Slice& slice : own().segments) {
      const OutgoingValues out(run, outputs_.bytes(run.output, slice.begin, slice.count()), others);
      const FrameHeader header = stamp_values(
          run, describe_values(steps_.within, call_.dtype, slice.count(), run.nonfinite),
          run.first_round + 3, out.payload, out.products);
      for (int step = 1; step < node().size; ++step) {
        run.messenger.send(node().rank_of((node().rank + step) % node().size), header, out.payload);
      }
    }
  }

  void receive_results(Run& run) {
    for_each_other([&](int rank, const Slice& slice) {
      const Frame frame = run.messenger.receive(rank);
      check_values(run, frame, call_.dtype, slice.count());
      const MutableBytes room = outputs_.room(run.output, slice.begin, slice.count());
      take_values(run, call_, rank, frame, room);
      outputs_.put(run, run.output, slice.begin, slice.count());
    });
  }

  Call call_;
  World world_;
  Steps steps_;
  ReducePhase reduce_;
  std::unique_ptr<Runner> runner_;  ///< between nodes; null where there is nothing to do
  MessageView outputs_;
  PlacedMemory sum_;  ///< of this rank's shard, over its node and then over all
};

std::string refuses(const Call& call, const World& world) {
  if (world.nodes.empty()) return "must know which ranks share a node: say so with set_nodes";
  const auto borders = make_borders(call.count, neighbourhood_of(world).shards, block_of(call));
  for (const CodecPtr& codec : {call.codec, call.broadcast_codec}) {
    const std::string refusal = refuses_borders(codec, borders);
    if (!refusal.empty()) return refusal;
  }
  return "";
}

Cost cost(const Call& call, const World& world) {
  const Steps steps = steps_of(call, world);
  Cost total{ReducePhase::bytes_sent(steps.within, steps.around.node, steps.shards) +
                 static_cast<std::uint64_t>(steps.around.node.size - 1) *
                     steps.own().frame_bytes(call.dtype),
             4};
  if (steps.algorithm != nullptr) {
    total.bytes_sent += steps.algorithm->cost(steps.between, steps.around.across).bytes_sent;
  }
  return total;
}

}  // namespace

const Algorithm hierarchical = {"hierarchical", SKIMP_ALLREDUCE, refuses, cost,
                                make_runner<Hierarchical>};

}  // namespace skimp
