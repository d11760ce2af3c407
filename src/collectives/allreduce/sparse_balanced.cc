#include "collectives/allreduce/sparse_balanced.h"

#include <algorithm>

#include "codecs/registry.h"
#include "collectives/allreduce/balance.h"
#include "collectives/entry_frames.h"
#include "collectives/entry_moves.h"
#include "collectives/place.h"
#include "collectives/slices.h"
#include "collectives/stopwatch.h"

namespace skimp {
namespace {

using balance::Dealing;
using balance::Stretch;

constexpr std::uint64_t rounds = 6;

template <class Value>
class Balanced final : public Runner {
 public:
  Balanced(const Call& call, const World& world)
      : call_(call),
        world_(world),
        ranks_(static_cast<std::size_t>(world.size)),
        me_(static_cast<std::size_t>(world.rank)),
        whole_{call.codec, 0, call.count},
        kept_(call.codec->kept(call.count)),
        own_(*call_.codec->entry_coding()),
        exact_(exact_entry_coding(call.dtype)),
        selection_(whole_.payload_bytes(call.dtype), call.device),
        parts_(ranks_),
        moved_(ranks_),
        arriving_(ranks_) {}

  void run(Run& run) override {
    if (whole_.empty()) return;
    round_ = run.first_round;
    left_out_.resize(0);
    select(run);
    agree_on_borders(run);
    Entries<Value> sums = reduce(run);
    const Dealing dealing(reselect(run, sums), borders_);
    const Entries<Value> part = deal(run, dealing, sums);
    const Entries<Value> kept = gather(run, dealing, part);
    result_.deliver(run, kept, call_.count, {run.output, call_.dtype, divisor_of(call_, world_)});
    rest_.leave_out(run, left_out_);
  }

 private:
  void select(Run& run) {
    FrameHeader header;
    coder_.encode(run, whole_, values_of(run, call_), lane_of(0, world_.rank), selection_.span(),
                  header);
    settle(run);
    const Stopwatch stopwatch(run.codec_seconds);
    const Bytes payload = selection_.span().first(header.payload_bytes);
    read_entries(run, {header, payload}, own_, call_.count, kept_, selected_);
  }

  /// Rank j > 0 makes the border between shards j − 1 and j.
  void agree_on_borders(Run& run) {
    std::uint64_t sum = quantile(me_);
    for_each_peer([&](int peer) {
      if (world_.rank > 0) run.messenger.expect(peer, round_, {});
      if (peer > 0) send_number(run, peer, quantile(static_cast<std::size_t>(peer)));
    });
    for_each_peer([&](int peer) {
      if (world_.rank > 0) sum += receive_number(run, peer);
    });
    ++round_;
    borders_.assign(ranks_ + 1, 0);
    borders_[ranks_] = call_.count;
    for_each_peer([&](int peer) {
      if (peer > 0) run.messenger.expect(peer, round_, {});
      if (world_.rank > 0) send_number(run, peer, sum / ranks_);
    });
    if (world_.rank > 0) borders_[me_] = sum / ranks_;
    for_each_peer([&](int peer) {
      if (peer > 0) borders_[static_cast<std::size_t>(peer)] = receive_number(run, peer);
    });
    ++round_;
    require_intact(std::is_sorted(borders_.begin(), borders_.end()),
                   "sparse_balanced: borders that do not ascend");
  }

  /// The index that a share of j/P of this rank's entries lies below.
  std::uint64_t quantile(std::size_t j) const {
    return selected_.indices[balance::share(j, kept_, ranks_)];
  }

  /// The sums of this rank's shard, indices counted from its begin.
  Entries<Value> reduce(Run& run) {
    const std::uint64_t most = std::min(kept_, shard(me_).size());
    for_each_peer([&](int peer) { expect(run, peer, own_, most, shard(me_).size()); });
    std::vector<Entries<Value>> entries(ranks_);
    for (std::uint64_t j = 0, owner = 0; j < selected_.size(); ++j) {
      while (selected_.indices[j] >= borders_[owner + 1]) ++owner;
      entries[owner].push(selected_.indices[j] - borders_[owner], selected_.values[j]);
    }
    for_each_peer([&](int peer) {
      const auto p = static_cast<std::size_t>(peer);
      send(run, peer, write(run, own_, entries[p], shard(p).size(), parts_[p]));
    });
    Entries<Value> sum, merged;
    for (int rank = 0; rank < world_.size; ++rank) {
      const auto r = static_cast<std::size_t>(rank);
      if (rank != world_.rank) read(run, rank, own_, most, shard(me_).size(), entries[r]);
      const Stopwatch stopwatch(run.codec_seconds);
      merge_entries(sum, entries[r], merged);
      std::swap(sum, merged);
    }
    ++round_;
    return sum;
  }

  /// Drops the sums that do not stay; returns how many each owner keeps.
  std::vector<std::uint64_t> reselect(Run& run, Entries<Value>& sums) {
    std::vector<balance::Summary<Value>> summaries(ranks_);
    const std::vector<std::uint64_t> order = balance::by_magnitude(sums);
    summaries[me_] = {sums.size(), balance::summary_of(sums, order)};
    trade_summaries(run, summaries);
    const std::vector<std::uint64_t> kept = balance::choose(summaries, kept_);
    std::vector<bool> stays(sums.size());
    for (std::uint64_t j = 0; j < kept[me_]; ++j) stays[order[j]] = true;
    Entries<Value> left;
    for (std::uint64_t j = 0; j < sums.size(); ++j) {
      if (stays[j]) {
        left.push(sums.indices[j], sums.values[j]);
      } else {
        left_out_.push(shard(me_).begin + sums.indices[j], sums.values[j]);
      }
    }
    sums = std::move(left);
    return kept;
  }

  void trade_summaries(Run& run, std::vector<balance::Summary<Value>>& summaries) {
    using Bits = BitsOf<Value>;
    auto& [size, smallest] = summaries[me_];
    const std::uint64_t bytes = balance::groups * sizeof(Bits);
    for_each_peer([&](int peer) {
      Buffer& room = arriving_[static_cast<std::size_t>(peer)];
      room.reserve(bytes);
      run.messenger.expect(peer, round_, room.span());
    });
    summary_.reserve(bytes);
    std::memcpy(summary_.data(), smallest.data(), smallest.size() * sizeof(Bits));
    const Frame mine{number(size), summary_.span().first(smallest.size() * sizeof(Bits))};
    for_each_peer([&](int peer) { send(run, peer, mine); });
    for_each_peer([&](int peer) {
      const auto p = static_cast<std::size_t>(peer);
      const Frame frame = run.messenger.receive(peer);
      const std::uint64_t told = number_of(frame), parts = std::min(balance::groups, told);
      require_intact(told <= shard(p).size() && frame.payload.size() == parts * sizeof(Bits),
                     "from rank ", peer, ": ", frame.payload.size(), " bytes tell of ", told,
                     " sums of ", shard(p).size(), " elements");
      summaries[p].size = told;
      summaries[p].smallest.resize(parts);
      std::memcpy(summaries[p].smallest.data(), frame.payload.data(), frame.payload.size());
    });
    ++round_;
  }

  /// Moves kept sums; returns this rank's part, indices counted from the begin of its range.
  Entries<Value> deal(Run& run, const Dealing& dealing, const Entries<Value>& sums) {
    const Stretch range = dealing.ranges[me_];
    const auto stretch = [&](std::size_t owner, std::size_t to) {
      return balance::common(dealing.owned[owner], dealing.dealt[to]);
    };
    for_each_peer([&](int peer) {
      const auto p = static_cast<std::size_t>(peer);
      const std::uint64_t n = stretch(p, me_).size();
      if (n > 0) expect(run, peer, exact_, n, shard(p).size());
    });
    const auto cut = [&](std::size_t to) {
      Entries<Value> piece;
      const Stretch wanted = stretch(me_, to);
      for (std::uint64_t i = wanted.begin; i < wanted.end; ++i) {
        const std::uint64_t j = i - dealing.owned[me_].begin;
        piece.push(sums.indices[j], sums.values[j]);
      }
      return piece;
    };
    for_each_peer([&](int peer) {
      const auto p = static_cast<std::size_t>(peer);
      if (stretch(me_, p).size() == 0) return;
      send(run, peer, write(run, exact_, cut(p), shard(me_).size(), moved_[p]));
    });
    Entries<Value> part, piece;
    for (std::size_t owner = 0; owner < ranks_; ++owner) {
      const std::uint64_t n = stretch(owner, me_).size();
      if (n == 0) continue;
      if (owner == me_) {
        piece = cut(me_);
      } else {
        read(run, static_cast<int>(owner), exact_, n, shard(owner).size(), piece);
        require_intact(piece.size() == n, "from rank ", owner, ": ", piece.size(), " sums where ",
                       n, " were due");
      }
      for (std::uint64_t j = 0; j < n; ++j) {
        part.push(shard(owner).begin + piece.indices[j] - range.begin, piece.values[j]);
      }
    }
    ++round_;
    return part;
  }

  /// All kept sums, as everyone reads them.
  Entries<Value> gather(Run& run, const Dealing& dealing, const Entries<Value>& part) {
    for_each_peer([&](int peer) {
      const auto p = static_cast<std::size_t>(peer);
      if (dealing.dealt[p].size() == 0) return;
      expect(run, peer, own_, dealing.dealt[p].size(), dealing.ranges[p].size());
    });
    std::vector<Value> delivered(part.size());
    const Frame mine =
        write(run, own_, part, dealing.ranges[me_].size(), gathered_, delivered.data());
    if (part.size() > 0) for_each_peer([&](int peer) { send(run, peer, mine); });
    for (std::uint64_t j = 0; j < part.size(); ++j) {
      left_out_.push(dealing.ranges[me_].begin + part.indices[j], part.values[j] - delivered[j]);
    }
    Entries<Value> kept, entries;
    for (int rank = 0; rank < world_.size; ++rank) {
      const auto r = static_cast<std::size_t>(rank);
      const std::uint64_t n = dealing.dealt[r].size();
      if (n == 0) continue;
      const Frame frame = rank == world_.rank ? mine : run.messenger.receive(rank);
      const Stopwatch stopwatch(run.codec_seconds);
      read_entries(run, frame, own_, dealing.ranges[r].size(), n, entries);
      for (std::uint64_t j = 0; j < entries.size(); ++j) {
        const std::uint64_t i = dealing.ranges[r].begin + entries.indices[j];
        require_intact(kept.size() == 0 || kept.indices.back() < i, "from rank ", rank,
                       ": a sum of element ", i, " after that of ", kept.indices.back());
        kept.push(i, entries.values[j]);
      }
    }
    return kept;
  }

  Stretch shard(std::size_t owner) const { return {borders_[owner], borders_[owner + 1]}; }

  void expect(Run& run, int peer, const EntryCoding& coding, std::uint64_t most,
              std::uint64_t count) {
    Buffer& room = arriving_[static_cast<std::size_t>(peer)];
    room.reserve(coding.payload_bytes(most, count, dtype_of_values<Value>));
    run.messenger.expect(peer, round_, room.span());
  }

  void read(Run& run, int peer, const EntryCoding& coding, std::uint64_t most, std::uint64_t count,
            Entries<Value>& entries) {
    const Frame frame = run.messenger.receive(peer);
    const Stopwatch stopwatch(run.codec_seconds);
    read_entries(run, frame, coding, count, most, entries);
  }

  static Frame write(Run& run, const EntryCoding& coding, const Entries<Value>& entries,
                     std::uint64_t count, Buffer& payload, Value* delivered = nullptr) {
    const Stopwatch stopwatch(run.codec_seconds);
    const FrameHeader header = write_entries(run, coding, entries, count, payload, delivered);
    return {header, payload.span().first(header.payload_bytes)};
  }

  void send(Run& run, int peer, const Frame& frame) const {
    run.messenger.send(peer, run.messenger.stamp(frame.header, round_, frame.payload),
                       frame.payload);
  }

  /// A header that says a number up to count.
  FrameHeader number(std::uint64_t value) const {
    FrameHeader header;
    header.codec = static_cast<std::uint8_t>(CodecId::topk);
    header.dtype = static_cast<std::uint8_t>(dtype_of_values<Value>);
    header.count = call_.count;
    header.parameter = value;
    return header;
  }
  std::uint64_t number_of(const Frame& frame) const {
    require_intact(frame.header.parameter <= call_.count, "from rank ", frame.header.sender, ": ",
                   frame.header.parameter, " exceeds count = ", call_.count);
    return frame.header.parameter;
  }
  void send_number(Run& run, int peer, std::uint64_t value) const {
    send(run, peer, {number(value), {}});
  }
  std::uint64_t receive_number(Run& run, int peer) const {
    return number_of(run.messenger.receive(peer));
  }

  /// Each rank begins with its right neighbour, so that nobody is everybody's first.
  template <class Body>
  void for_each_peer(const Body& body) const {
    for (int step = 1; step < world_.size; ++step) body((world_.rank + step) % world_.size);
  }

  Call call_;
  World world_;
  std::size_t ranks_, me_;
  Slice whole_;
  std::uint64_t kept_;  ///< k: of each rank's selection, and of the sum
  const EntryCoding& own_;
  const EntryCoding& exact_;
  Coder coder_;
  Buffer selection_, summary_, gathered_;  ///< payloads that leave, each until the call ends
  std::vector<Buffer> parts_, moved_;      ///< likewise, by peer
  std::vector<Buffer> arriving_;           ///< by peer, of one round at a time
  Entries<Value> selected_;
  Entries<Value> left_out_;  ///< of the sums: nobody will be told of them
  EntryMover<Value> result_, rest_;
  std::vector<std::uint64_t> borders_;  ///< of the shards, in elements
  int round_ = 0;
};

std::unique_ptr<Runner> make(const Call& call, const World& world) {
  return visit_accumulator(call.dtype, [&](auto value) -> std::unique_ptr<Runner> {
    return std::make_unique<Balanced<decltype(value)>>(call, world);
  });
}

std::string refuses(const Call& call, const World& world) {
  if (const std::string refusal = refuses_unless_entries(call, world); !refusal.empty()) {
    return refusal;
  }
  if (call.codec->traits().fixed_size) return "";
  return "keeps as many elements of the sum as each rank selects, a number that " +
         call.codec->text() + " does not fix";
}

/// A bound. Words take 4 bytes an index, and what is chosen instead no more; beyond 2^32 elements
/// Elias–Fano takes at most 9.
Cost cost(const Call& call, const World& world) {
  if (call.count == 0) return {};
  const auto peers = static_cast<std::uint64_t>(world.size - 1);
  const std::uint64_t k = call.codec->kept(call.count);
  const std::uint64_t value = bytes_of(accumulator_of(call.dtype));
  const std::uint64_t entry = value + (call.count <= (std::uint64_t{1} << 32) ? 4 : 9);
  const std::uint64_t exponent = sizeof(std::int32_t);
  Cost cost{0, rounds};
  cost.bytes_sent += (peers - (world.rank > 0)) * header_bytes;  // quantiles
  cost.bytes_sent += world.rank > 0 ? peers * header_bytes : 0;  // a border
  cost.bytes_sent += peers * (header_bytes + exponent) + k * entry;
  cost.bytes_sent += peers * (header_bytes + balance::groups * value);
  cost.bytes_sent += peers * header_bytes + k * entry;
  cost.bytes_sent += peers * (header_bytes + exponent +
                              divide_up(k, static_cast<std::uint64_t>(world.size)) * entry);
  return cost;
}

}  // namespace

const Algorithm sparse_balanced = {"sparse_balanced", SKIMP_ALLREDUCE, refuses, cost, make, true};

}  // namespace skimp
