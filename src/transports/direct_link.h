/// \file
/// A link between devices by a transport that takes addresses on them: a CUDA-aware MPI.
///
/// Such a transport knows nothing of streams. So the host waits for the stream before a group, and
/// for the group before anything is queued behind it.
#pragma once

#include <memory>

#include "transports/device_link.h"

namespace skimp {

class DirectLink final : public DeviceLink {
 public:
  /// The channel is used by nobody else. Ranks are those of the transport.
  DirectLink(Transport& transport, Channel channel) : transport_(transport), channel_(channel) {}

  const char* name() const override { return transport_.name(); }
  bool takes(int) const override { return true; }
  void exchange(std::span<const Send> sends, std::span<const Recv> recvs,
                const DeviceStream& stream, const Idle& idle) override;
  void check() override {}
  void abort() noexcept override { ended_ = true; }

 private:
  Transport& transport_;
  const Channel channel_;
  std::unique_ptr<Request> request_;  ///< kept if it has not ended: its memory is still in use
  bool ended_ = false;
};

}  // namespace skimp
