/// \file
/// Moves payloads from one device's memory to another's, beside a transport that carries the rest:
/// headers, agreement, errors. What a receiver must know comes before, so a link moves bytes whose
/// number both sides know, and neither looks at them nor waits for them.
#pragma once

#include <functional>
#include <span>

#include "device/stream.h"
#include "transports/transport.h"

namespace skimp {

class DeviceLink {
 public:
  /// Called again and again while a link waits on the host; throws when it should wait no longer.
  using Idle = std::function<void()>;

  virtual ~DeviceLink() = default;

  virtual const char* name() const = 0;

  /// Whether it moves payloads of arrays on this device.
  virtual bool takes(int device) const = 0;

  /// Queues messages in the stream, which progress together; what is queued behind them finds them
  /// done. The i-th message of one rank to another is taken by the i-th receive from it, which has
  /// as many bytes. Groups of one rank are done one after the other, so two ranks must not wait for
  /// each other's later ones.
  virtual void exchange(std::span<const Send> sends, std::span<const Recv> recvs,
                        const DeviceStream& stream, const Idle& idle) = 0;

  /// Throws if a message under way has failed.
  virtual void check() = 0;

  /// Ends what is under way, and the link: later calls throw.
  virtual void abort() noexcept = 0;
};

}  // namespace skimp
