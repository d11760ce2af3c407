/// \file
/// Collectives of sparse arrays: the caller has selected the entries, nothing is left out.
///
/// Ranks first tell each other how many entries they will send, in headers without payload, so that
/// everyone makes just the room that is needed; the choice of algorithm does not depend on it.
/// Entries then travel as entry_frames.h has them, in the accumulator's type.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "codecs/entries.h"
#include "collectives/communicator.h"

namespace skimp {

/// Entries of an array of `count` elements of `dtype`, as values of its accumulator.
struct SparseArray {
  std::uint64_t count = 0;
  DType dtype = DType::float32;
  std::variant<Entries<float>, Entries<double>> entries;

  std::uint64_t size() const {
    return std::visit([](const auto& held) { return held.size(); }, entries);
  }
};

struct SparseCall {
  skimp_collective collective = SKIMP_ALLREDUCE;
  skimp_op op = SKIMP_MEAN;
  std::string algorithm;  ///< of allreduce "sparse_doubling" or "gather", else "direct"; or ""
};

/// Runs a call on one rank's array. Gives one array, or of allgather one a rank; a reduced one has
/// entries where the sum is not zero. Throws InvalidArgument, and what a Messenger throws.
std::vector<SparseArray> run_sparse(const std::shared_ptr<Communicator>& communicator,
                                    const SparseCall& call, const SparseArray& input,
                                    skimp_report& report);

}  // namespace skimp
