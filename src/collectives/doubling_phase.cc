#include "collectives/doubling_phase.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "collectives/stopwatch.h"

namespace skimp {

DoublingPairs::DoublingPairs(const World& world)
    : size(world.size),
      core(static_cast<int>(std::bit_floor(static_cast<unsigned>(world.size)))),
      rounds(std::countr_zero(static_cast<unsigned>(core))) {}

template <class Value>
DoublingPhase<Value>::DoublingPhase(std::uint64_t count, const World& world, const EntryCoding& own,
                                    const EntryCoding& sums)
    : count_(count),
      world_(world),
      pairs_(world),
      own_(&own),
      sums_(&sums),
      leaving_(static_cast<std::size_t>(pairs_.rounds + 1)),
      sum_(count, sums) {}

template <class Value>
void DoublingPhase<Value>::prepare(std::vector<std::uint64_t> most) {
  most_ = std::move(most);
  std::uint64_t largest = most_bytes(0, pairs_.rounds);
  for (const std::uint64_t n : most_) {
    largest = std::max(largest, own_->payload_bytes(n, count_, dtype_of_values<Value>));
  }
  arriving_.reserve(largest);
}

template <class Value>
const PartialSum<Value>& DoublingPhase<Value>::run(Run& run, const Frame& own) {
  const int rank = world_.rank;
  int round = run.first_round;
  if (pairs_.is_extra(rank)) {
    send(run, rank - pairs_.core, round, own);
    const Frame whole = receive(run, rank - pairs_.core, round + 1 + pairs_.rounds);
    const Stopwatch stopwatch(run.codec_seconds);
    sum_.read(run, whole, most_entries(0, pairs_.rounds));
    return sum_;
  }
  read_own(run, own);
  if (pairs_.has_extra(rank)) {
    add_own(run, receive(run, rank + pairs_.core, round), rank + pairs_.core);
  }
  round += pairs_.folds() ? 1 : 0;
  for (int i = 0; i < pairs_.rounds; ++i, ++round) exchange(run, i, round, own);
  if (pairs_.has_extra(rank)) send(run, rank + pairs_.core, round, write(run, pairs_.rounds));
  return sum_;
}

/// Round i of doubling.
template <class Value>
void DoublingPhase<Value>::exchange(Run& run, int i, int round, const Frame& own) {
  const int partner = world_.rank ^ (1 << i);
  run.messenger.expect(partner, round, arriving_.span());
  send(run, partner, round, is_alone(world_.rank, i) ? own : write(run, i));
  const Frame frame = run.messenger.receive(partner);
  if (is_alone(partner, i)) return add_own(run, frame, partner);
  const Stopwatch stopwatch(run.codec_seconds);
  sum_.add(run, frame, most_entries(partner, i));
}

template <class Value>
Frame DoublingPhase<Value>::receive(Run& run, int peer, int round) {
  run.messenger.expect(peer, round, arriving_.span());
  return run.messenger.receive(peer);
}

template <class Value>
void DoublingPhase<Value>::send(Run& run, int peer, int round, const Frame& frame) {
  run.messenger.send(peer, run.messenger.stamp(frame.header, round, frame.payload), frame.payload);
}

template <class Value>
Frame DoublingPhase<Value>::write(Run& run, int i) {
  const Stopwatch stopwatch(run.codec_seconds);
  Buffer& payload = leaving_[static_cast<std::size_t>(i)];
  const FrameHeader header = sum_.write(run, payload);
  return {header, payload.span().first(header.payload_bytes)};
}

/// What this rank sends is what it adds.
template <class Value>
void DoublingPhase<Value>::read_own(Run& run, const Frame& own) {
  const Stopwatch stopwatch(run.codec_seconds);
  const std::uint64_t most = most_[static_cast<std::size_t>(world_.rank)];
  read_entries(run, own, *own_, count_, most, sum_.assign());
}

template <class Value>
void DoublingPhase<Value>::add_own(Run& run, const Frame& frame, int rank) {
  const Stopwatch stopwatch(run.codec_seconds);
  read_entries(run, frame, *own_, count_, most_[static_cast<std::size_t>(rank)], single_);
  sum_.add(single_);
}

/// Of the sum that core rank `rank` holds before round `round` of doubling: that of a block of
/// ranks and of those that were folded into them.
template <class Value>
std::uint64_t DoublingPhase<Value>::most_entries(int rank, int round) const {
  const int block = 1 << round, first = rank / block * block;
  std::uint64_t most = 0;
  for (int r = first; r < first + block; ++r) {
    most += most_[static_cast<std::size_t>(r)];
    if (pairs_.has_extra(r)) most += most_[static_cast<std::size_t>(r + pairs_.core)];
  }
  return std::min(most, count_);
}

template <class Value>
std::uint64_t DoublingPhase<Value>::most_bytes(int rank, int round) const {
  const std::uint64_t most = most_entries(rank, round);
  if (is_alone(rank, round)) return own_->payload_bytes(most, count_, dtype_of_values<Value>);
  return PartialSum<Value>::most_bytes(most, count_, *sums_);
}

template <class Value>
Cost DoublingPhase<Value>::cost() const {
  const int rank = world_.rank;
  Cost cost;
  cost.rounds = static_cast<std::uint64_t>(pairs_.rounds + (pairs_.folds() ? 2 : 0));
  const auto pay = [&](std::uint64_t payload) { cost.bytes_sent += header_bytes + payload; };
  if (pairs_.is_extra(rank)) {
    const std::uint64_t own = most_[static_cast<std::size_t>(rank)];
    pay(own_->payload_bytes(own, count_, dtype_of_values<Value>));
    return cost;
  }
  for (int i = 0; i < pairs_.rounds; ++i) pay(most_bytes(rank, i));
  if (pairs_.has_extra(rank)) pay(most_bytes(rank, pairs_.rounds));
  return cost;
}

template class DoublingPhase<float>;
template class DoublingPhase<double>;

}  // namespace skimp
