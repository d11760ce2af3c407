/// \file
/// The payloads of one call that go from device to device: which are due in which round, and the
/// groups in which a link takes them.
///
/// A link does a rank's groups one after the other, so they must come in an order that all ranks
/// share: that of rounds. A group is a round's messages, and is queued once the header of each is
/// here. Then every sender is in that round too, and has queued, or is about to queue, its part.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/bytes.h"
#include "transports/device_link.h"

namespace skimp {

class LinkQueue {
 public:
  /// `ranks`: what the link knows the communicator's ranks as.
  LinkQueue(DeviceLink& link, const std::vector<int>& ranks, const DeviceStream& stream)
      : link_(&link), ranks_(&ranks), stream_(stream) {}

  void send(int round, int peer, Bytes payload);

  /// The header of what comes into this room is here.
  void receive(int round, int peer, MutableBytes room);

  /// The first and the last round of which something is due.
  std::optional<int> next_round() const;
  std::optional<int> last_round() const;

  /// Queues what is due of that round.
  void start_next(const DeviceLink::Idle& idle);

  /// Whom this rank has had messages with since the stream was last found done.
  std::vector<int> peers() const { return {peers_.begin(), peers_.end()}; }
  void forget_peers() { peers_.clear(); }

  DeviceLink& link() const { return *link_; }

 private:
  struct Group {
    std::vector<Send> sends;
    std::vector<Recv> recvs;
  };

  int rank_on_link(int peer) const { return (*ranks_)[static_cast<std::size_t>(peer)]; }

  DeviceLink* link_;
  const std::vector<int>* ranks_;
  DeviceStream stream_;
  std::map<int, Group> due_;  ///< by round
  std::set<int> peers_;
};

}  // namespace skimp
