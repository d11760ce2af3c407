#include "collectives/allreduce/dense_direct.h"

#include "codecs/elements.h"
#include "collectives/dense_values.h"
#include "collectives/stopwatch.h"

namespace skimp {
namespace {

class DenseDirect final : public Runner {
 public:
  DenseDirect(const Call& call, const World& world)
      : call_(call),
        world_(world),
        borders_(make_borders(call.count, world.size, dense_block)),
        values_(call) {
    for (int peer = 0; peer < world.size; ++peer) {
      shards_.emplace_back(peer == world.rank ? 0 : count(world.rank) * bytes_of(call.dtype));
    }
  }

  void run(Run& run) override {
    const void* values = values_.prepare(run);
    exchange_shards(run, values);
    for (int peer = 0; peer < world_.size; ++peer) {
      if (peer == world_.rank || count(peer) == 0) continue;
      run.messenger.expect(peer, run.first_round + 1,
                           room_of(run.output, call_.dtype, begin(peer), count(peer)));
    }
    if (count(world_.rank) > 0) {
      for (int peer = 0; peer < world_.size; ++peer) {
        if (peer == world_.rank) continue;
        check_values(run, run.messenger.receive(peer), call_.dtype, count(world_.rank));
      }
      add_shards(run, values);
      send_sum(run);
    }
    for (int peer = 0; peer < world_.size; ++peer) {
      if (peer == world_.rank || count(peer) == 0) continue;
      check_values(run, run.messenger.receive(peer), call_.dtype, count(peer));
    }
  }

 private:
  std::uint64_t begin(int rank) const { return borders_[static_cast<std::size_t>(rank)]; }
  std::uint64_t count(int rank) const {
    return borders_[static_cast<std::size_t>(rank) + 1] - begin(rank);
  }

  void exchange_shards(Run& run, const void* values) {
    for (int step = 1; step < world_.size; ++step) {
      const int peer = (world_.rank + step) % world_.size;
      if (count(world_.rank) > 0) {
        run.messenger.expect(peer, run.first_round, shards_[static_cast<std::size_t>(peer)].span());
      }
      if (count(peer) == 0) continue;
      const Bytes payload = payload_of(values, call_.dtype, begin(peer), count(peer));
      // Whether these are finite shows in the sum, which its owner looks at in any case.
      const FrameHeader header = describe_values(call_, call_.dtype, count(peer), false);
      run.messenger.send(peer, run.messenger.stamp(header, run.first_round, payload), payload);
    }
  }

  /// Adds tile by tile over all ranks, so that a sum stays in the cache until it is whole.
  void add_shards(Run& run, const void* values) {
    const Stopwatch stopwatch(run.codec_seconds);
    const std::uint64_t own = begin(world_.rank);
    visit_accumulator(call_.dtype, [&](auto value) {
      using Value = decltype(value);
      const Sink<Value> sink(
          {element(run.output, call_.dtype, own), call_.dtype, divisor_of(call_, world_)});
      alignas(64) Value sum[tile_elements];
      alignas(64) Value tile[tile_elements];
      for (std::uint64_t at = 0; at < count(world_.rank); at += tile_elements) {
        const std::uint64_t n = std::min(tile_elements, count(world_.rank) - at);
        for (int rank = 0; rank < world_.size; ++rank) {
          const void* shard = rank == world_.rank ? element(values, call_.dtype, own)
                                                  : shards_[static_cast<std::size_t>(rank)].data();
          const Source<Value> source(shard, call_.dtype);
          if (rank == 0) {
            source.load(at, n, sum);
          } else {
            source.load(at, n, tile);
            for (std::uint64_t i = 0; i < n; ++i) sum[i] += tile[i];
          }
        }
        run.nonfinite |= !all_finite(sum, n);
        sink.put(at, n, sum);
      }
    });
  }

  void send_sum(Run& run) {
    const std::uint64_t own = count(world_.rank);
    const Bytes payload = payload_of(run.output, call_.dtype, begin(world_.rank), own);
    const FrameHeader header = run.messenger.stamp(
        describe_values(call_, call_.dtype, own, run.nonfinite), run.first_round + 1, payload);
    for (int step = 1; step < world_.size; ++step) {
      run.messenger.send((world_.rank + step) % world_.size, header, payload);
    }
  }

  Call call_;
  World world_;
  std::vector<std::uint64_t> borders_;
  DenseValues values_;
  std::vector<Buffer> shards_;  ///< this rank's shard as the others have it, by rank
};

Cost cost(const Call& call, const World& world) {
  const auto borders = make_borders(call.count, world.size, dense_block);
  std::uint64_t bytes = 0;
  for (int rank = 0; rank < world.size; ++rank) {
    const std::uint64_t shard =
        borders[static_cast<std::size_t>(rank) + 1] - borders[static_cast<std::size_t>(rank)];
    const std::uint64_t frame = shard == 0 ? 0 : header_bytes + shard * bytes_of(call.dtype);
    bytes += frame * (rank == world.rank ? static_cast<std::uint64_t>(world.size - 1) : 1);
  }
  return {bytes, 2};
}

}  // namespace

const Algorithm dense_direct = {"dense_direct", SKIMP_ALLREDUCE, refuses_unless_identity, cost,
                                make_runner<DenseDirect>};

}  // namespace skimp
