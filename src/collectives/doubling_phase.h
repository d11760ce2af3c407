/// \file
/// The rounds of sparse_doubling (allreduce/sparse_doubling.h): every rank gives a frame of entries
/// and gets the sum of all.
#pragma once

#include <vector>

#include "collectives/partial_sum.h"

namespace skimp {

/// Who exchanges with whom.
struct DoublingPairs {
  explicit DoublingPairs(const World& world);

  bool folds() const { return core < size; }
  bool is_extra(int rank) const { return rank >= core; }
  bool has_extra(int rank) const { return rank + core < size; }

  int size;
  int core;    ///< ranks that double: the largest power of two up to size
  int rounds;  ///< of doubling
};

template <class Value>
class DoublingPhase {
 public:
  /// Ranks' own entries travel as `own` codes them, sums as `sums` does, without loss.
  DoublingPhase(std::uint64_t count, const World& world, const EntryCoding& own,
                const EntryCoding& sums);

  /// Makes room for at most most[r] entries of rank r, the same on all ranks.
  void prepare(std::vector<std::uint64_t> most);

  /// `own` is this rank's frame, from run.first_round on; its payload must live until the call
  /// ends.
  const PartialSum<Value>& run(Run& run, const Frame& own);

  /// A bound, as prepared; exact where no two ranks have an element in common.
  Cost cost() const;

 private:
  std::uint64_t most_entries(int rank, int round) const;
  std::uint64_t most_bytes(int rank, int round) const;
  bool is_alone(int rank, int round) const { return round == 0 && !pairs_.has_extra(rank); }
  void exchange(Run& run, int i, int round, const Frame& own);
  Frame receive(Run& run, int peer, int round);
  static void send(Run& run, int peer, int round, const Frame& frame);
  Frame write(Run& run, int i);
  void read_own(Run& run, const Frame& own);
  void add_own(Run& run, const Frame& frame, int rank);

  std::uint64_t count_;
  World world_;
  DoublingPairs pairs_;
  const EntryCoding* own_;
  const EntryCoding* sums_;
  std::vector<std::uint64_t> most_;
  Buffer arriving_;
  std::vector<Buffer> leaving_;  ///< by round, since each lives until the call ends
  PartialSum<Value> sum_;
  Entries<Value> single_;  ///< of another rank
};

}  // namespace skimp
