/// \file
/// A plan: a call with its algorithm chosen and its workspace allocated, run as often as wanted.
#pragma once

#include <memory>
#include <string>

#include "collectives/algorithm.h"
#include "collectives/communicator.h"
#include "collectives/device_queue.h"
#include "device/placed.h"

namespace skimp {

/// Error feedback of one run. The plan reads `in`, writes `out` (which may be `in`) and leaves it
/// to the owner to make `out` current when the run has succeeded.
struct ResidualView {
  const void* in = nullptr;
  void* out = nullptr;
  const void* memory_in = nullptr;  ///< the codec's, see Codec::memory_count; null: none yet
  void* memory_out = nullptr;
  std::uint64_t step = 0;
  bool fresh = false;  ///< new or loaded since its last run: ranks compare steps and memories
};

class Plan : public std::enable_shared_from_this<Plan> {
 public:
  /// `algorithm` is a row's name, or "" to let Skimp choose. Throws InvalidArgument.
  static std::shared_ptr<Plan> make(std::shared_ptr<Communicator> communicator, Call call,
                                    const std::string& algorithm);

  /// `residual` may be null. Returns false when nothing was written because of SKIMP_SKIP. Of a
  /// call on a device the work is queued in `stream` and complete on return.
  bool run(const void* input, void* output, const ResidualView* residual, void* stream = nullptr);

  const Call& call() const { return call_; }
  int rank() const { return world_.rank; }
  int world_size() const { return world_.size; }
  const std::string& text() const { return text_; }
  const skimp_report& report() const { return report_; }

 private:
  Plan(std::shared_ptr<Communicator> communicator, const Call& call, const Algorithm& algorithm);
  std::string agreed_text(const ResidualView* residual) const;
  void begin_on_device(Messenger& messenger, void* stream);
  void execute(Messenger& messenger, const void* input, void* output, const ResidualView* residual);
  void run_algorithm(Run& run);
  /// Whether this rank's input is read.
  bool gives() const { return call_.collective != SKIMP_BROADCAST || world_.rank == call_.root; }
  bool anyone_nonfinite(Run& run);
  void pass_through(Run& run);
  void vote_alone(Run& run);
  std::uint64_t memory_bytes() const;
  void keep_residual(Run& run);

  std::shared_ptr<Communicator> communicator_;
  Call call_;
  World world_;
  std::shared_ptr<Team> team_;  ///< that world_ points to
  const Algorithm& algorithm_;
  std::string text_;
  std::unique_ptr<DeviceQueue> queue_;  ///< null: arrays lie in host memory
  std::unique_ptr<Runner> runner_;
  PlacedMemory votes_;  ///< of a world of one
  skimp_report report_;
};

}  // namespace skimp
