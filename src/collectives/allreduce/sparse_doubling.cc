#include "collectives/allreduce/sparse_doubling.h"

#include <algorithm>
#include <bit>

#include "codecs/registry.h"
#include "collectives/partial_sum.h"
#include "collectives/slices.h"
#include "collectives/stopwatch.h"

namespace skimp {
namespace {

/// Who exchanges with whom.
struct Pairs {
  explicit Pairs(const World& world)
      : size(world.size),
        core(static_cast<int>(std::bit_floor(static_cast<unsigned>(world.size)))),
        rounds(std::countr_zero(static_cast<unsigned>(core))) {}

  bool folds() const { return core < size; }
  bool is_extra(int rank) const { return rank >= core; }
  bool has_extra(int rank) const { return rank + core < size; }

  /// Ranks whose elements are in the sum of core rank `rank` before round i.
  int ranks_in(int rank, int i) const {
    const int block = 1 << i, first = rank / block * block;
    return block + std::clamp(size - core - first, 0, block);
  }

  int size;
  int core;    ///< ranks that double
  int rounds;  ///< of doubling
};

/// The most bytes of the frames of a call, by what they hold.
struct Sizes {
  explicit Sizes(const Call& call_)
      : call(call_),
        coding(&exact_entry_coding(call.dtype)),
        kept(call.codec->kept(call.count)),
        selection(call.codec->payload_bytes(call.count, call.dtype)) {}

  std::uint64_t sum_of(int ranks) const {
    if (ranks == 1) return selection;
    return visit_accumulator(call.dtype, [&](auto value) {
      return PartialSum<decltype(value)>::most_bytes(most_entries(ranks), call.count, *coding);
    });
  }
  std::uint64_t most_entries(int ranks) const {
    return std::min(call.count, kept * static_cast<std::uint64_t>(ranks));
  }

  const Call& call;
  const EntryCoding* coding;
  std::uint64_t kept;
  std::uint64_t selection;  ///< of one rank's payload, as encoded
};

template <class Value>
class Doubling final : public Runner {
 public:
  Doubling(const Call& call, const World& world)
      : call_(call),
        world_(world),
        pairs_(world),
        sizes_(call_),
        selection_(sizes_.selection),
        arriving_(std::max(sizes_.selection, sizes_.sum_of(world.size))),
        leaving_(static_cast<std::size_t>(pairs_.rounds + 1)),
        sum_(call.count, *sizes_.coding) {}

  void run(Run& run) override {
    if (call_.count == 0) return;
    const int rank = world_.rank;
    Frame own = select(run);
    int round = run.first_round;
    if (pairs_.is_extra(rank)) {
      send(run, rank - pairs_.core, round, own);
      const Frame whole = receive(run, rank - pairs_.core, round + 1 + pairs_.rounds);
      const Stopwatch stopwatch(run.codec_seconds);
      sum_.read(run, whole, sizes_.most_entries(world_.size));
    } else {
      read_own(run, own);
      if (pairs_.has_extra(rank)) add(run, receive(run, rank + pairs_.core, round), 1);
      round += pairs_.folds() ? 1 : 0;
      for (int i = 0; i < pairs_.rounds; ++i, ++round) exchange(run, i, round, own);
      if (pairs_.has_extra(rank)) send(run, rank + pairs_.core, round, write(run, pairs_.rounds));
    }
    const Stopwatch stopwatch(run.codec_seconds);
    sum_.deliver({run.output, call_.dtype, divisor_of(call_, world_)});
  }

 private:
  Frame select(Run& run) {
    const Slice whole{call_.codec, 0, call_.count};
    const FrameHeader header = coder_.encode(run, whole, values_of(run, call_),
                                             lane_of(0, world_.rank), selection_.span());
    return {header, selection_.span().first(header.payload_bytes)};
  }

  /// One round of doubling.
  void exchange(Run& run, int i, int round, const Frame& own) {
    const int partner = world_.rank ^ (1 << i);
    run.messenger.expect(partner, round, arriving_.span());
    const bool sends_own = pairs_.ranks_in(world_.rank, i) == 1;
    send(run, partner, round, sends_own ? own : write(run, i));
    add(run, run.messenger.receive(partner), pairs_.ranks_in(partner, i));
  }

  Frame receive(Run& run, int peer, int round) {
    run.messenger.expect(peer, round, arriving_.span());
    return run.messenger.receive(peer);
  }

  static void send(Run& run, int peer, int round, const Frame& frame) {
    run.messenger.send(peer, run.messenger.stamp(frame.header, round, frame.payload),
                       frame.payload);
  }

  Frame write(Run& run, int i) {
    const Stopwatch stopwatch(run.codec_seconds);
    Buffer& payload = leaving_[static_cast<std::size_t>(i)];
    const FrameHeader header = sum_.write(run, payload);
    return {header, payload.span().first(header.payload_bytes)};
  }

  void read_own(Run& run, const Frame& own) {
    const Stopwatch stopwatch(run.codec_seconds);
    read_entries(run, own, *call_.codec->entry_coding(), call_.count, sizes_.kept, sum_.assign());
  }

  /// Adds a frame that holds the elements of so many ranks.
  void add(Run& run, const Frame& frame, int ranks) {
    const Stopwatch stopwatch(run.codec_seconds);
    if (ranks > 1) return sum_.add(run, frame, sizes_.most_entries(ranks));
    read_entries(run, frame, *call_.codec->entry_coding(), call_.count, sizes_.kept, single_);
    sum_.add(single_);
  }

  Call call_;
  World world_;
  Pairs pairs_;
  Sizes sizes_;
  Coder coder_;
  Buffer selection_;
  Buffer arriving_;
  std::vector<Buffer> leaving_;  ///< by round, since each lives until the call ends
  PartialSum<Value> sum_;
  Entries<Value> single_;  ///< of a rank that sent its own
};

std::unique_ptr<Runner> make(const Call& call, const World& world) {
  return visit_accumulator(call.dtype, [&](auto value) -> std::unique_ptr<Runner> {
    return std::make_unique<Doubling<decltype(value)>>(call, world);
  });
}

Cost cost(const Call& call, const World& world) {
  const Pairs pairs(world);
  if (call.count == 0) return {};
  const Sizes sizes(call);
  Cost cost;
  cost.rounds = static_cast<std::uint64_t>(pairs.rounds + (pairs.folds() ? 2 : 0));
  const auto pay = [&](int ranks) { cost.bytes_sent += header_bytes + sizes.sum_of(ranks); };
  if (pairs.is_extra(world.rank)) {
    pay(1);
  } else {
    for (int i = 0; i < pairs.rounds; ++i) pay(pairs.ranks_in(world.rank, i));
    if (pairs.has_extra(world.rank)) pay(world.size);
  }
  return cost;
}

}  // namespace

const Algorithm sparse_doubling = {"sparse_doubling", SKIMP_ALLREDUCE, refuses_unless_entries,
                                   cost, make};

}  // namespace skimp
