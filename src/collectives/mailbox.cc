#include "collectives/mailbox.h"

#include <algorithm>
#include <utility>

namespace skimp {

Mailbox::Mailbox(Transport& transport, Channel channel, Messenger& messenger)
    : transport_(&transport),
      channel_(channel),
      messenger_(&messenger),
      peers_(static_cast<std::size_t>(transport.world_size())) {}

Mailbox::~Mailbox() {
  if (transport_->can_withdraw()) return;
  for (Peer& peer : peers_) {
    // The network may still write a message that has begun to come.
    if (!peer.request) continue;
    static_cast<void>(peer.message.release());
    if (peer.arriving) new Buffer(std::move(peer.arriving->payload));
  }
}

Mailbox::Peer& Mailbox::at(int peer) { return peers_[static_cast<std::size_t>(peer)]; }

void Mailbox::begin(std::string text, double timeout_seconds) {
  text_ = std::move(text);
  timeout_seconds_ = timeout_seconds;
  traffic_ = {};
}

std::uint64_t Mailbox::sent_to(int peer) const {
  return peers_[static_cast<std::size_t>(peer)].sent;
}

void Mailbox::send(int peer, int tag, FrameHeader header, Bytes payload) {
  header.sender = static_cast<std::uint32_t>(rank());
  header.fingerprint = static_cast<std::uint64_t>(tag);
  header.sequence = at(peer).sent;
  seal(header, payload);
  messenger_->watch(peer);
  require_connected(*transport_, peer, text_);
  outgoing_.emplace(OutgoingFrame{peer, header});
  start_frame(*transport_, channel_, *outgoing_, payload);
  ++at(peer).sent;
  traffic_.bytes_sent += header_bytes + payload.size();
  traffic_.messages_sent += 1;
  const auto has_left = [&] { return outgoing_->has_left(); };
  if (!has_left() && !wait_until(peer, 0, has_left)) fail_silent(peer, "");
  outgoing_.reset();
}

Mailbox::Letter Mailbox::receive(int peer, int tag) {
  auto& letters = at(peer).letters;
  auto found = letters.end();
  const auto has_come = [&] {
    found = std::find_if(letters.begin(), letters.end(), [&](const Letter& letter) {
      return letter.header.fingerprint == static_cast<std::uint64_t>(tag);
    });
    return found != letters.end();
  };
  if (!has_come() && !wait_until(peer, deaf_seconds, has_come)) {
    fail_silent(peer, letters.empty()
                          ? ""
                          : text("; what it sent has tag ", letters.front().header.fingerprint));
  }
  Letter letter = std::move(*found);
  letters.erase(found);
  traffic_.bytes_received += header_bytes + letter.header.payload_bytes;
  return letter;
}

void Mailbox::put_back(int peer, Letter letter) { at(peer).letters.push_front(std::move(letter)); }

void Mailbox::fail_silent(int peer, const std::string& hint) const {
  fail(SKIMP_TIMEOUT, "rank ", peer, " did not answer rank ", rank(), " within ", timeout_seconds_,
       " s (", text_, hint, ")");
}

/// Makes room for the first message of the peer's next frame, unless that is done or a payload is
/// to come first. True if that was new.
bool Mailbox::listen(int peer) {
  Peer& from = at(peer);
  if (from.request) return false;
  if (!from.message) from.message = std::make_unique<std::byte[]>(small_message_bytes);
  const Recv recv{peer, from.message.get(), small_message_bytes};
  from.request = transport_->exchange(channel_, {}, {&recv, 1});
  return true;
}

/// Keeps a frame of the peer, if one has come.
void Mailbox::take(int peer) {
  Peer& from = at(peer);
  while (from.request && from.request->done()) {
    const std::uint64_t bytes = from.request->received_bytes(0);
    from.request.reset();
    if (!from.arriving) {
      open(peer, {from.message.get(), bytes});
      continue;
    }
    const FrameHeader& header = from.arriving->header;
    require_intact(bytes == header.payload_bytes, "from rank ", peer, ": a payload of ", bytes,
                   " bytes, its header tells of ", header.payload_bytes);
    check_payload_from(peer, header, from.arriving->payload.span());
    from.letters.push_back(std::move(*from.arriving));
    from.arriving.reset();
  }
}

/// Reads the first message of a frame, and makes room for a payload that is still to come.
void Mailbox::open(int peer, Bytes message) {
  Peer& from = at(peer);
  Bytes small;
  const FrameHeader header = read_first_message(peer, message, small);
  const std::uint64_t number = from.taken++;
  require_intact(header.kind == FrameKind::data && has_payload(header) && header.round == 0 &&
                     header.sender == static_cast<std::uint32_t>(peer) &&
                     header.sequence == number && header.payload_bytes <= largest_count,
                 "from rank ", peer, ": frame ", header.sequence, " of ", header.payload_bytes,
                 " payload bytes by rank ", header.sender, ", frame ", number, " was due");
  Letter letter{header, Buffer(header.payload_bytes)};
  if (small.size() == header.payload_bytes) {
    std::copy(small.begin(), small.end(), letter.payload.data());
    from.letters.push_back(std::move(letter));
    return;
  }
  from.arriving = std::move(letter);
  const Recv recv{peer, from.arriving->payload.data(), header.payload_bytes};
  from.request = transport_->exchange(channel_, {}, {&recv, 1});
}

/// Hears of a failure, which ends the wait unless what is waited for came before. True if this rank
/// has begun to listen.
bool Mailbox::watch(int peer, const std::function<bool()>& condition) {
  try {
    return messenger_->watch(peer);
  } catch (const Error&) {
    for (int other = 0; other < transport_->world_size(); ++other) take(other);
    if (condition()) return true;
    throw;
  }
}

/// Waits for something that `peer` does. The others are listened to after a while: most waits are
/// short.
bool Mailbox::wait_until(int peer, double deaf_for, const std::function<bool()>& condition) {
  const TimePoint begin = Clock::now(), end = after(timeout_seconds_);
  const TimePoint deaf_until = std::min(end, after(deaf_for));
  bool met = false;
  while (true) {
    for (int other = 0; other < transport_->world_size(); ++other) take(other);
    met = condition();
    const TimePoint now = Clock::now();
    if (met || now >= end) break;
    if (!transport_->loss(peer).empty()) {
      // What it sent before is taken in first, and may say why it went.
      const bool new_here = listen(peer);
      if (watch(peer, condition) || new_here) continue;
      require_connected(*transport_, peer, text_);
    }
    const bool deaf = now < deaf_until;
    bool again = false;  // Receives that are new may find what came long ago.
    for (int other = 0; other < transport_->world_size(); ++other) {
      if (other == rank() || (deaf && other != peer)) continue;
      again |= listen(other);
      again |= watch(other, condition);
    }
    if (!again) transport_->progress(deaf ? deaf_until : end);
  }
  traffic_.wait_seconds += std::chrono::duration<double>(Clock::now() - begin).count();
  return met;
}

bool Mailbox::busy() noexcept try {
  if (outgoing_ && (outgoing_->request == nullptr || !outgoing_->request->done())) return true;
  return std::any_of(peers_.begin(), peers_.end(), [](const Peer& peer) {
    return peer.request != nullptr && !peer.request->done();
  });
} catch (...) {
  return true;
}

}  // namespace skimp
