/// What a Messenger does when a call goes wrong: who is silent, who is in another call, and how the
/// peers learn of it.
#include <algorithm>

#include "collectives/error_frame.h"
#include "collectives/messenger.h"

namespace skimp {
namespace {

/// How long a rank that found a disagreement listens for what the others say of it, before it
/// names who is odd; and how long one that failed lets its last messages leave.
constexpr double inquest_seconds = 2.0;
constexpr double linger_seconds = 1.0;

std::string name_ranks(const std::vector<int>& ranks) {
  std::string named = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    named += (i == 0 ? "" : i + 1 == ranks.size() ? " and " : ", ") + std::to_string(ranks[i]);
  }
  return named;
}

}  // namespace

void Messenger::fail_silent(const std::vector<int>& peers, int round) const {
  fail(SKIMP_TIMEOUT, name_ranks(peers), " did not answer rank ", rank(), " within ",
       timeout_seconds_, " s (round ", round, " of: ", call_.text, ")");
}

/// What the frame in a peer's inbox tells of the call that the peer is in.
Statement Messenger::statement_of(int peer) {
  const Inbox& inbox = at(peer).inbox;
  Statement statement{peer, inbox.header.fingerprint, inbox.header.sequence, ""};
  if (inbox.header.kind == FrameKind::agreement) {
    const auto* words = reinterpret_cast<const char*>(inbox.payload.data());
    statement.text.assign(words, inbox.payload.size());
  }
  return statement;
}

/// Some rank is in another call. Asks the others, by saying which this one is in, listens a little,
/// and throws: their error if one sends it, else one that names the rank that most disagree with.
void Messenger::hold_inquest() {
  in_inquest_ = true;
  state_call();
  listen_to_all();
  wait_until(after(std::min(timeout_seconds_ / 2, inquest_seconds)), [&] {
    return std::all_of(peers_.begin(), peers_.end(),
                       [&](const Peer& peer) { return peer.statement || &peer == &at(rank()); });
  });
  std::vector<Statement> known{{rank(), call_.fingerprint, call_.sequence, call_.text}};
  for (const Peer& peer : peers_) {
    if (!peer.statement) continue;
    Statement& statement = known.emplace_back(*peer.statement);
    const auto agreed = agreed_.find(statement.fingerprint);
    if (agreed != agreed_.end()) statement.text = agreed->second;
  }
  std::sort(known.begin(), known.end(),
            [](const Statement& a, const Statement& b) { return a.rank < b.rank; });
  fail(SKIMP_MISMATCH, explain_mismatch(known));
}

void Messenger::abandon(const Error& cause) noexcept try {
  const std::vector<std::byte> payload = write_error_frame(cause);
  FrameHeader header;
  header.kind = FrameKind::error;
  header = stamp(header, 0, payload);
  if (transport_->can_withdraw()) outgoing_.clear();
  for (int peer = 0; peer < world_size(); ++peer) {
    if (peer == rank()) continue;
    try {
      start(peer, header, payload);
    } catch (const Error&) {
      // Its deadline will tell this one; the others may still hear of it.
    }
  }
  const TimePoint end = after(std::min(timeout_seconds_, linger_seconds));
  const auto has_left = [](OutgoingFrame& out) { return out.has_left(); };
  while (!std::all_of(outgoing_.begin(), outgoing_.end(), has_left) && Clock::now() < end) {
    transport_->progress(end);
  }
} catch (...) {
  // The network is broken too.
}

bool Messenger::busy() noexcept try {
  const auto is_under_way = [](const std::unique_ptr<Request>& request) {
    return request != nullptr && !request->done();
  };
  for (OutgoingFrame& out : outgoing_) {
    if (out.request == nullptr || !out.request->done()) return true;
  }
  for (Peer& peer : peers_) {
    if (is_under_way(peer.inbox.request)) return true;
    for (Incoming& incoming : peer.expected) {
      if (is_under_way(incoming.request)) return true;
    }
  }
  return false;
} catch (...) {
  return true;
}

}  // namespace skimp
