#include "transports/direct_link.h"

#include "base/error.h"
#include "device/library.h"

namespace skimp {

void DirectLink::exchange(std::span<const Send> sends, std::span<const Recv> recvs,
                          const DeviceStream& stream, const Idle& idle) {
  if (ended_) {
    fail(SKIMP_TRANSPORT, name(),
         ": the link between devices was ended when an earlier call on it failed");
  }
  while (!is_done(stream)) idle();
  request_ = transport_.exchange(channel_, sends, recvs);
  while (!request_->done()) idle();
  request_.reset();
}

}  // namespace skimp
