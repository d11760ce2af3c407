/// \file
/// The first phase of every lossy sum: each rank encodes the shards that it does not own and sends
/// each to its owner, who adds what it receives in rank order, segment by segment.
///
/// A rank never compresses its own shard for itself: it adds it exactly, in its place in the order.
/// A robust reduction keeps what it receives side by side in place of adding it. Where all that is
/// done with a sum is to encode it, there is never one of a whole segment: of payloads that have
/// parts, it is one of a part, which stays in the nearest caches, and a few entries are added by
/// the encoder while it reads the rank's own values.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "collectives/robust.h"
#include "collectives/scatter_phase.h"

namespace skimp {

class ReducePhase : public ScatterPhase {
 public:
  /// Of a part of the segment of this number: the sum (or what else the call's op asks for) over
  /// all ranks, as an encoder reads it, but for where the residual goes. `values` alone is all of
  /// it, unless the call's residual is still to be added (to a robust result, which might not
  /// follow one rank's values) or the sums are left to an encoder.
  using Visit = std::function<void(Run&, Coder&, std::size_t, const Part&, const Coder::Values&)>;

  /// Rank r owns shards[r]. Where all that is done with the sums is that `encoder` encodes them,
  /// they may come in parts, or be left to it. Else the part is the whole segment.
  ReducePhase(const Call& call, const World& world, std::vector<Shard> shards,
              const Codec* encoder = nullptr);

  /// Waits for the others' payloads of this rank's own segments, in order, and calls
  /// visit(run, coder, segment, part, sum) for each, on several threads if there are, for the parts
  /// of one in order; then, on the calling thread, after(begin, end) for those segments that are
  /// done.
  void for_each_sum(Run& run, const Visit& visit,
                    const std::function<void(std::size_t, std::size_t)>& after);

 private:
  /// What a thread needs to bring the payloads of one segment together.
  struct Workspace {
    PlacedMemory sum;                       ///< robust: a row for each rank
    std::vector<Coder::EntryRoom> entries;  ///< of every other rank, where sums are left
    std::vector<Addends::List> lists;
    Addends addends;
  };

  Coder::Values add(Run& run, Coder& coder, const Slice& slice, const Part& part,
                    const Frame* frames, Workspace& workspace) const;
  Coder::Values leave(Run& run, const Slice& slice, const Frame* frames,
                      Workspace& workspace) const;
  Output place_of(int rank, void* sum) const;
  void add_own(Run& run, std::uint64_t begin, std::uint64_t count, const Output& output) const;

  std::optional<RobustReduction> robust_;
  bool leaves_sums_;          ///< of calls with feedback: encoders need the room of the residual
  std::uint64_t most_added_;  ///< elements of the largest part
  std::vector<Workspace> workspaces_;  ///< by thread
};

}  // namespace skimp
