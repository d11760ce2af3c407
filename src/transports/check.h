/// \file
/// The conditions on an exchange that every transport shares.
#pragma once

#include "base/error.h"
#include "transports/transport.h"

namespace skimp {

/// A violation is a bug of the collective that calls, not of the user or the network.
inline void check_exchange(const Transport& transport, Channel channel, std::span<const Send> sends,
                           std::span<const Recv> recvs) {
  const auto check_peer = [&](int peer, std::uint64_t bytes) {
    if (peer < 0 || peer >= transport.world_size() || peer == transport.rank() || bytes == 0) {
      fail(SKIMP_INTERNAL, transport.name(), ": rank ", transport.rank(), " of ",
           transport.world_size(), " exchanges ", bytes, " bytes with rank ", peer);
    }
  };
  if (channel < 0 || channel >= transport.channels()) {
    fail(SKIMP_INTERNAL, transport.name(), ": channel ", channel, " is not below ",
         transport.channels());
  }
  for (const Send& send : sends) check_peer(send.peer, send.bytes);
  for (const Recv& recv : recvs) check_peer(recv.peer, recv.capacity);
}

}  // namespace skimp
