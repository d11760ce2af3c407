/// \file
/// An array from one rank to another: what pipeline parallelism sends.
///
/// One frame, which names its codec, so the receiver need not. Count and dtype are checked against
/// the receiver's, and the tag finds the frame. No other rank takes part, nothing is agreed on
/// beforehand, and the numbers of the calls of all ranks stay as they are.
#pragma once

#include <map>
#include <memory>

#include "collectives/communicator.h"
#include "collectives/plan.h"

namespace skimp {

/// An array on its way, as either end describes it.
struct Envelope {
  std::uint64_t count = 0;
  DType dtype = DType::float32;
  int peer = 0;              ///< the other end
  int tag = 0;               ///< at least 0
  int device = host_memory;  ///< where the array lies at this end; the other may differ
  void* stream = nullptr;    ///< of that device
};

/// The messages of one communicator. They leave from host memory, and what they work in is kept
/// from one to the next, as that of a plan is.
class PointToPoint {
 public:
  explicit PointToPoint(std::shared_ptr<Communicator> communicator);
  ~PointToPoint();

  /// Encodes and sends; returns once the frame has left (see Mailbox). `residual` may be null; its
  /// owner makes what was written current when this returns. Throws InvalidArgument,
  /// UnsupportedType for a codec that has no kernels where they are needed, and what a Mailbox
  /// throws.
  void send(const Envelope& envelope, const CodecPtr& codec, const void* input,
            const ResidualView* residual, skimp_report& report);

  /// Waits for the message and writes its values to `output`. Throws Mismatch if the sender's count
  /// or dtype is another, UnsupportedType, which leaves the message to be received in host memory,
  /// InvalidArgument, and what a Mailbox throws.
  void receive(const Envelope& envelope, void* output, skimp_report& report);

 private:
  struct Desk;

  Desk& desk(int device);

  std::shared_ptr<Communicator> communicator_;
  std::map<int, std::unique_ptr<Desk>> desks_;  ///< by device
};

}  // namespace skimp
