/// \file
/// An array from one rank to another: what pipeline parallelism sends.
///
/// One frame, which names its codec, so the receiver need not. Count and dtype are checked against
/// the receiver's, and the tag finds the frame. No other rank takes part, nothing is agreed on
/// beforehand, and the numbers of the calls of all ranks stay as they are.
#pragma once

#include "collectives/communicator.h"

namespace skimp {

/// An array on its way, as either end describes it.
struct Envelope {
  std::uint64_t count = 0;
  DType dtype = DType::float32;
  int peer = 0;  ///< the other end
  int tag = 0;   ///< at least 0
};

/// Encodes and sends; returns once the frame has left (see Mailbox). `job` has the input and, with
/// error feedback, residuals and step; they are the new ones when this returns. Throws
/// InvalidArgument, and what a Mailbox throws.
void send(Communicator& communicator, const Envelope& envelope, const Codec& codec, EncodeJob job,
          skimp_report& report);

/// Waits for the message and writes its values to `output`. Throws Mismatch if the sender's count
/// or dtype is another, InvalidArgument, and what a Mailbox throws.
void receive(Communicator& communicator, const Envelope& envelope, void* output,
             skimp_report& report);

}  // namespace skimp
