/// What a Messenger does where payloads go from device to device: their headers have come and gone
/// as ever, and tell when a round's payloads can be queued.
#include <algorithm>

#include "collectives/messenger.h"

namespace skimp {
namespace {

/// Between two looks at a stream. Nobody says when it is done.
constexpr double look_seconds = 20e-6;

std::vector<int> all_but(int rank, int world_size) {
  std::vector<int> peers;
  for (int peer = 0; peer < world_size; ++peer) {
    if (peer != rank) peers.push_back(peer);
  }
  return peers;
}

}  // namespace

/// Queues the payloads of all rounds up to this one.
void Messenger::start_payloads(int last_round) {
  while (true) {
    std::optional<int> round = link_->next_round();
    for (Peer& peer : peers_) {
      const Incoming* next = peer.next();
      if (next != nullptr) round = std::min(round.value_or(next->round), next->round);
    }
    if (!round || *round > last_round) return;
    require_headers(*round);
    if (link_->next_round() != round) continue;  // a round of headers alone
    link_->start_next(idle_in_round(*round));
  }
}

/// Waits until all that was expected in this round, or before, has begun to come.
void Messenger::require_headers(int round) {
  std::vector<int> silent;
  const auto all_here = [&] {
    silent.clear();
    for (int peer = 0; peer < world_size(); ++peer) {
      const Incoming* next = at(peer).next();
      if (next != nullptr && next->round <= round) silent.push_back(peer);
    }
    return silent.empty();
  };
  if (!wait_until(after(patience(round)), all_here)) fail_silent(silent, round);
}

DeviceLink::Idle Messenger::idle_in_round(int round) {
  return [this, round, deadline = after(patience(round))] {
    poll();
    listen_to_all();
    if (Clock::now() >= deadline) {
      fail_silent(link_ ? link_->peers() : all_but(rank(), world_size()), round);
    }
    transport_->progress(std::min(deadline, after(look_seconds)));
  };
}

void Messenger::wait_for_stream(const std::function<bool()>& is_done) {
  const TimePoint begin = Clock::now();
  const DeviceLink::Idle idle = idle_in_round(last_round_ + 1);
  while (!is_done()) {
    link_->link().check();
    idle();
  }
  link_->forget_peers();
  traffic_.wait_seconds += std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace skimp
