#include "collectives/allreduce/dense_ring.h"

#include <algorithm>

#include "collectives/dense_values.h"
#include "collectives/place.h"

namespace skimp {
namespace {

class DenseRing final : public Runner {
 public:
  DenseRing(const Call& call, const World& world)
      : call_(call),
        world_(world),
        sum_dtype_(accumulator_of(call.dtype)),
        borders_(make_borders(call.count, world.size, dense_block)),
        values_(call),
        outputs_(call.dtype, call.count, payload_place(call, world)),
        // A partial sum is received into one buffer while the one before it leaves from the other.
        partial_{{sum_dtype_, largest(), payload_place(call, world)},
                 {sum_dtype_, largest(), payload_place(call, world)}} {}

  void run(Run& run) override {
    const void* values = values_.prepare(run);
    reduce(run, values);
    pass_on(run);
  }

 private:
  std::uint64_t begin(int rank) const { return borders_[static_cast<std::size_t>(rank)]; }
  std::uint64_t count(int rank) const {
    return borders_[static_cast<std::size_t>(rank) + 1] - begin(rank);
  }
  std::uint64_t largest() const {
    std::uint64_t largest = 0;
    for (int rank = 0; rank < world_.size; ++rank) largest = std::max(largest, count(rank));
    return largest;
  }
  int wrap(int rank) const { return (rank % world_.size + world_.size) % world_.size; }

  void send(Run& run, int round, DType dtype, Bytes payload) {
    if (payload.empty()) return;
    const std::uint64_t values = payload.size() / bytes_of(dtype);
    const FrameHeader header = describe_values(call_, dtype, values, run.nonfinite);
    run.messenger.send(wrap(world_.rank + 1),
                       stamp_values(run, header, run.first_round + round, payload), payload);
  }

  void receive(Run& run, int round, DType dtype, MutableBytes room) {
    if (room.empty()) return;
    const int left = wrap(world_.rank - 1);
    run.messenger.expect(left, run.first_round + round, room);
    check_values(run, run.messenger.receive(left), dtype, room.size() / bytes_of(dtype));
  }

  void reduce(Run& run, const void* values) {
    for (int round = 0; round + 1 < world_.size; ++round) {
      const int sent = wrap(world_.rank - 1 - round), received = wrap(sent - 1);
      Partial& out = partial_[round % 2];
      Partial& in = partial_[(round + 1) % 2];
      if (round == 0) add_own(run, sent, values, out, false);
      out.view.fetch(run, out.memory.data(), 0, count(sent));
      settle(run);
      send(run, round, sum_dtype_, out.view.bytes(out.memory.data(), 0, count(sent)));
      receive(run, round, sum_dtype_, in.view.room(in.memory.data(), 0, count(received)));
      in.view.put(run, in.memory.data(), 0, count(received));
      add_own(run, received, values, in, true);
      // `out` is written again in the round after next, `in` leaves in the next.
      run.messenger.finish();
    }
    finish_sum(run, partial_[(world_.size - 1) % 2]);
  }

  void pass_on(Run& run) {
    outputs_.fetch(run, run.output, begin(world_.rank), count(world_.rank));
    settle(run);
    for (int round = 0; round + 1 < world_.size; ++round) {
      const int sent = wrap(world_.rank - round), received = wrap(sent - 1);
      const int number = world_.size - 1 + round;
      send(run, number, call_.dtype, outputs_.bytes(run.output, begin(sent), count(sent)));
      receive(run, number, call_.dtype,
              outputs_.room(run.output, begin(received), count(received)));
      outputs_.put(run, run.output, begin(received), count(received));
    }
  }

  /// One buffer of a partial sum.
  struct Partial {
    Partial(DType dtype, std::uint64_t count, const PayloadPlace& place)
        : memory(count * bytes_of(dtype), place.device), view(dtype, count, place) {}
    PlacedMemory memory;
    MessageView view;
  };

  /// Makes the sum a shard of this rank's values, or adds that to it.
  void add_own(Run& run, int shard, const void* values, const Partial& sum, bool add) {
    transfer_values(run, {.input = element(values, call_.dtype, begin(shard)),
                          .dtype = call_.dtype,
                          .count = count(shard),
                          .output = {.data = sum.memory.data(), .dtype = sum_dtype_, .add = add}});
  }

  void finish_sum(Run& run, const Partial& sum) {
    transfer_checked(run, {.input = sum.memory.data(),
                           .dtype = sum_dtype_,
                           .count = count(world_.rank),
                           .output = {.data = element(run.output, call_.dtype, begin(world_.rank)),
                                      .dtype = call_.dtype,
                                      .divisor = divisor_of(call_, world_)}});
  }

  Call call_;
  World world_;
  DType sum_dtype_;
  std::vector<std::uint64_t> borders_;
  DenseValues values_;
  MessageView outputs_;
  Partial partial_[2];
};

Cost cost(const Call& call, const World& world) {
  const auto borders = make_borders(call.count, world.size, dense_block);
  std::uint64_t bytes = 0;
  const auto add = [&](int shard, DType dtype) {
    const auto s = static_cast<std::size_t>((shard + 2 * world.size) % world.size);
    const std::uint64_t count = borders[s + 1] - borders[s];
    if (count > 0) bytes += header_bytes + count * bytes_of(dtype);
  };
  for (int round = 0; round + 1 < world.size; ++round) {
    add(world.rank - 1 - round, accumulator_of(call.dtype));
    add(world.rank - round, call.dtype);
  }
  return {bytes, static_cast<std::uint64_t>(2 * (world.size - 1))};
}

}  // namespace

const Algorithm dense_ring = {"dense_ring", SKIMP_ALLREDUCE, refuses_unless_identity, cost,
                              make_runner<DenseRing>};

}  // namespace skimp
