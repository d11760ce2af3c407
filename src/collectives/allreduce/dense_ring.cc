#include "collectives/allreduce/dense_ring.h"

#include "codecs/elements.h"
#include "collectives/dense_values.h"
#include "collectives/stopwatch.h"

namespace skimp {
namespace {

class DenseRing final : public Runner {
 public:
  DenseRing(const Call& call, const World& world)
      : call_(call),
        world_(world),
        sum_dtype_(accumulator_of(call.dtype)),
        borders_(make_borders(call.count, world.size, dense_block)),
        values_(call) {
    std::uint64_t largest = 0;
    for (int rank = 0; rank < world.size; ++rank) largest = std::max(largest, count(rank));
    // A partial sum is received into one buffer while the one before it leaves from the other.
    for (Buffer& partial : partial_) partial = Buffer(largest * bytes_of(sum_dtype_));
  }

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
  int wrap(int rank) const { return (rank % world_.size + world_.size) % world_.size; }

  void send(Run& run, int round, DType dtype, Bytes payload) {
    if (payload.empty()) return;
    const std::uint64_t values = payload.size() / bytes_of(dtype);
    const FrameHeader header = describe_values(call_, dtype, values, run.nonfinite);
    run.messenger.send(wrap(world_.rank + 1),
                       run.messenger.stamp(header, run.first_round + round, payload), payload);
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
      Buffer& out = partial_[round % 2];
      Buffer& in = partial_[(round + 1) % 2];
      if (round == 0) convert_shard(sent, values, out);
      send(run, round, sum_dtype_, payload_of(out.data(), sum_dtype_, 0, count(sent)));
      receive(run, round, sum_dtype_, room_of(in.data(), sum_dtype_, 0, count(received)));
      add_own(run, received, values, in);
      // `out` is written again in the round after next, `in` leaves in the next.
      run.messenger.finish();
    }
    finish_sum(run, partial_[(world_.size - 1) % 2]);
  }

  void pass_on(Run& run) {
    for (int round = 0; round + 1 < world_.size; ++round) {
      const int sent = wrap(world_.rank - round), received = wrap(sent - 1);
      const int number = world_.size - 1 + round;
      send(run, number, call_.dtype, payload_of(run.output, call_.dtype, begin(sent), count(sent)));
      receive(run, number, call_.dtype,
              room_of(run.output, call_.dtype, begin(received), count(received)));
    }
  }

  template <class Body>
  void for_each_tile(Run& run, int shard, Body&& body) {
    const Stopwatch stopwatch(run.codec_seconds);
    for (std::uint64_t at = 0; at < count(shard); at += tile_elements) {
      body(at, std::min(tile_elements, count(shard) - at));
    }
  }

  void convert_shard(int shard, const void* values, const Buffer& to) {
    visit_accumulator(call_.dtype, [&](auto value) {
      using Value = decltype(value);
      Source<Value>(element(values, call_.dtype, begin(shard)), call_.dtype)
          .load(0, count(shard), to.as<Value>());
    });
  }

  void add_own(Run& run, int shard, const void* values, const Buffer& sum) {
    visit_accumulator(call_.dtype, [&](auto value) {
      using Value = decltype(value);
      const Source<Value> source(element(values, call_.dtype, begin(shard)), call_.dtype);
      alignas(64) Value tile[tile_elements];
      for_each_tile(run, shard, [&](std::uint64_t at, std::uint64_t n) {
        source.load(at, n, tile);
        Value* to = sum.as<Value>() + at;
        for (std::uint64_t i = 0; i < n; ++i) to[i] += tile[i];
      });
    });
  }

  void finish_sum(Run& run, const Buffer& sum) {
    const int own = world_.rank;
    visit_accumulator(call_.dtype, [&](auto value) {
      using Value = decltype(value);
      const Sink<Value> sink(
          {element(run.output, call_.dtype, begin(own)), call_.dtype, divisor_of(call_, world_)});
      for_each_tile(run, own, [&](std::uint64_t at, std::uint64_t n) {
        run.nonfinite |= !all_finite(sum.as<Value>() + at, n);
        sink.put(at, n, sum.as<Value>() + at);
      });
    });
  }

  Call call_;
  World world_;
  DType sum_dtype_;
  std::vector<std::uint64_t> borders_;
  DenseValues values_;
  Buffer partial_[2];
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
