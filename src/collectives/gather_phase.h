/// \file
/// Every rank encodes its whole input and sends it to all others: the exchange of allreduce by
/// gathering, and of allgather.
#pragma once

#include <vector>

#include "collectives/slices.h"

namespace skimp {

class GatherPhase {
 public:
  GatherPhase(const Call& call, const World& world);

  /// Encodes, and starts to send and to receive.
  void send(Run& run);

  /// Decodes the input of `rank` as everyone does, this rank's own too.
  void deliver(Run& run, int rank, const Output& output);

  static Cost cost(const Call& call, const World& world);

 private:
  Call call_;
  World world_;
  Slice whole_;
  Coder coder_;
  std::vector<PayloadMemory> payloads_;  ///< by rank
  Frame own_{};
};

}  // namespace skimp
