#include "collectives/link_queue.h"

namespace skimp {

void LinkQueue::send(int round, int peer, Bytes payload) {
  due_[round].sends.push_back({rank_on_link(peer), payload.data(), payload.size()});
  peers_.insert(peer);
}

void LinkQueue::receive(int round, int peer, MutableBytes room) {
  due_[round].recvs.push_back({rank_on_link(peer), room.data(), room.size()});
  peers_.insert(peer);
}

std::optional<int> LinkQueue::next_round() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

std::optional<int> LinkQueue::last_round() const {
  if (due_.empty()) return std::nullopt;
  return due_.rbegin()->first;
}

void LinkQueue::start_next(const DeviceLink::Idle& idle) {
  const auto group = due_.extract(due_.begin());
  link_->exchange(group.mapped().sends, group.mapped().recvs, stream_, idle);
}

}  // namespace skimp
