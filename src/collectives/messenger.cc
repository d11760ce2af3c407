#include "collectives/messenger.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "collectives/error_frame.h"

namespace skimp {

Messenger::Messenger(Transport& transport, Channel channel)
    : transport_(&transport),
      channel_(channel),
      peers_(static_cast<std::size_t>(transport.world_size())),
      arena_bytes_(Arenas::bytes_wanted()) {}

Messenger::~Messenger() {
  if (transport_->can_withdraw()) return;
  for (Peer& peer : peers_) {
    // The network may still write a message that has begun to come.
    if (peer.inbox.request) static_cast<void>(peer.inbox.message.release());
  }
}

Messenger::Peer& Messenger::at(int peer) { return peers_[static_cast<std::size_t>(peer)]; }

Messenger::Incoming* Messenger::Peer::next() {
  const auto found = std::find_if(expected.begin(), expected.end(), [](const Incoming& incoming) {
    return incoming.state != Incoming::done;
  });
  return found == expected.end() ? nullptr : &*found;
}

void Messenger::begin(CallId call, double timeout_seconds) {
  call_ = std::move(call);
  timeout_seconds_ = timeout_seconds;
  last_round_ = 0;
  has_stated_ = false;
  link_.reset();
  traffic_ = {};
  for (Peer& peer : peers_) peer.statement.reset();
}

void Messenger::agree(const std::vector<int>& nodes) {
  for (int peer = 0; peer < world_size(); ++peer) {
    if (peer != rank()) push(peer, 0, FrameKind::agreement, {}, Check::here);
  }
  state_call();
  for (int peer = 0; peer < world_size(); ++peer) {
    if (peer != rank()) receive(peer);
  }
  finish();
  agreed_.emplace(call_.fingerprint, call_.text);
  if (!arenas_ && transport_->maps_memory()) open_arenas(nodes);
  traffic_ = {};
}

/// Tells all ranks in words which call this rank is in.
void Messenger::state_call() {
  if (std::exchange(has_stated_, true)) return;
  const Bytes words(reinterpret_cast<const std::byte*>(call_.text.data()), call_.text.size());
  FrameHeader header;
  header.kind = FrameKind::agreement;
  header = stamp(header, 0, words);
  for (int peer = 0; peer < world_size(); ++peer) {
    if (peer != rank()) start(peer, header, words);
  }
}

FrameHeader Messenger::stamp(FrameHeader header, int round, Bytes payload,
                             std::optional<std::uint64_t> products) const {
  header.payload_bytes = payload.size();
  header.round = static_cast<std::uint16_t>(round);
  header.sender = static_cast<std::uint32_t>(rank());
  header.fingerprint = call_.fingerprint;
  header.sequence = call_.sequence;
  header.flags = static_cast<std::uint16_t>(header.flags & ~(apart_flag | arena_flag));
  if (arenas_ && arenas_->place_of(payload)) header.flags |= arena_flag;
  if (link_ && header.kind == FrameKind::data && !payload.empty()) {
    header.flags |= apart_flag;
    seal(header);
  } else if (products) {
    seal(header, *products);
  } else {
    seal(header, payload);
  }
  return header;
}

void Messenger::send(int peer, const FrameHeader& header, Bytes payload) {
  const int round = header.round;
  if (!has_room(peer) && !wait_until(after(patience(round)), [&] { return has_room(peer); })) {
    fail_silent({peer}, round);
  }
  start(peer, header, payload);
}

bool Messenger::has_room(int peer) {
  int under_way = 0;
  for (OutgoingFrame& out : outgoing_) under_way += out.peer == peer && !out.has_left();
  return under_way < window_;
}

void Messenger::start(int peer, const FrameHeader& header, Bytes payload) {
  last_round_ = std::max(last_round_, int{header.round});
  OutgoingFrame& out = outgoing_.emplace_back(OutgoingFrame{peer, header});
  if ((header.flags & arena_flag) != 0) {
    std::atomic_thread_fence(std::memory_order_release);  // The payload, before its place.
    start_frame(*transport_, channel_, out, write_place(*arenas_->place_of(payload)));
  } else {
    start_frame(*transport_, channel_, out, payload);
  }
  if ((header.flags & apart_flag) != 0) link_->send(header.round, peer, payload);
  traffic_.bytes_sent += header_bytes + payload.size();
  traffic_.messages_sent += 1;
}

void Messenger::expect(int peer, int round, MutableBytes room, Check check) {
  push(peer, round, FrameKind::data, room, check);
}

void Messenger::push(int peer, int round, FrameKind kind, MutableBytes room, Check check) {
  last_round_ = std::max(last_round_, round);
  at(peer).expected.push_back({round, kind, room, check});
  listen(peer);
}

/// Makes room for the first message of the peer's next frame, unless that is done or the payload
/// of an earlier one is to come first. True if that was new.
bool Messenger::listen(int peer) {
  Inbox& inbox = at(peer).inbox;
  const Incoming* next = at(peer).next();
  if (inbox.request || (next != nullptr && next->state == Incoming::payload_due)) return false;
  if (!inbox.message) inbox.message = std::make_unique<std::byte[]>(small_message_bytes);
  const Recv recv{peer, inbox.message.get(), small_message_bytes};
  inbox.request = transport_->exchange(channel_, {}, {&recv, 1});
  return true;
}

bool Messenger::listen_to_all() {
  bool any = false;
  for (int peer = 0; peer < world_size(); ++peer) {
    if (peer != rank()) any |= listen(peer);
  }
  return any;
}

void Messenger::poll() {
  for (int peer = 0; peer < world_size(); ++peer) advance(peer);
  std::erase_if(outgoing_, [](OutgoingFrame& out) { return out.has_left(); });
}

bool Messenger::watch(int peer) {
  const bool new_here = listen(peer);
  const Inbox& inbox = at(peer).inbox;
  if (hear(peer) && inbox.header.kind == FrameKind::error) {
    throw read_error_frame(inbox.payload, peer);
  }
  return new_here;
}

/// Moves the frames of a peer as far as what has arrived allows: also through receives that it
/// starts itself, since their messages may have come long ago and will not announce themselves.
void Messenger::advance(int peer) {
  Peer& from = at(peer);
  while (true) {
    Incoming* next = from.next();
    if (next != nullptr && next->state == Incoming::payload_due) {
      if (!next->request->done()) return require_connected(*transport_, peer, call_.text);
      read_payload(peer, *next);
      continue;
    }
    if (next != nullptr) listen(peer);
    if (!hear(peer)) {
      if (next != nullptr) require_connected(*transport_, peer, call_.text);
      return;
    }
    if (has_failed(peer, next)) throw read_error_frame(from.inbox.payload, peer);
    if (in_inquest_) {
      // One frame tells enough, and the next message may be its payload.
      if (!from.statement) from.statement = statement_of(peer);
      return;
    }
    if (next == nullptr) {
      if (!will_be_expected(from.inbox.header)) hold_inquest();
      return;
    }
    deliver(peer, *next);
  }
}

/// Whether a frame has begun to come: its header is there, and the payload too if it is small.
bool Messenger::hear(int peer) {
  Inbox& inbox = at(peer).inbox;
  while (!inbox.read && inbox.request && inbox.request->done()) {
    read_message(peer, {inbox.message.get(), inbox.request->received_bytes(0)});
    if (inbox.read) break;
    inbox.request.reset();
    listen(peer);
  }
  return inbox.read;
}

/// Puts the first message of a frame into the inbox.
void Messenger::read_message(int peer, Bytes message) {
  Inbox& inbox = at(peer).inbox;
  inbox.header = read_first_message(peer, message, inbox.payload);
  inbox.read = inbox.header.kind == FrameKind::error || !inbox.errors_only;
}

/// Whether the frame in the inbox says that the peer has failed, in a call that concerns this one:
/// a peer that failed in a later call has done its part in this.
bool Messenger::has_failed(int peer, const Incoming* next) {
  const FrameHeader& header = at(peer).inbox.header;
  return header.kind == FrameKind::error &&
         (next != nullptr || in_inquest_ || header.sequence <= call_.sequence);
}

/// Whether a frame that nobody expects yet may be ahead of its time: in this call or a later one.
bool Messenger::will_be_expected(const FrameHeader& header) const {
  return header.sequence > call_.sequence || is_of_this_call(header, FrameKind::data);
}

bool Messenger::is_of_this_call(const FrameHeader& header, FrameKind kind) const {
  return header.kind == kind && header.fingerprint == call_.fingerprint &&
         header.sequence == call_.sequence;
}

/// Gives the frame in the inbox to who expects it.
void Messenger::deliver(int peer, Incoming& incoming) {
  Inbox& inbox = at(peer).inbox;
  const FrameHeader header = incoming.header = inbox.header;
  at(peer).statement = statement_of(peer);
  if (!is_of_this_call(header, incoming.kind)) hold_inquest();
  require_intact(header.round == incoming.round, "from rank ", peer, ": frame of round ",
                 header.round, ", expected ", incoming.round);
  traffic_.bytes_received += header_bytes + header.payload_bytes;
  inbox.request.reset();
  inbox.read = false;
  incoming.state = Incoming::done;
  if (header.kind == FrameKind::agreement) return;

  require_intact(header.payload_bytes <= incoming.room.size(), "from rank ", peer, ": frame of ",
                 header.payload_bytes, " payload bytes, at most ", incoming.room.size(),
                 " are possible here");
  incoming.payload = incoming.room.first(header.payload_bytes);
  const bool apart = (header.flags & apart_flag) != 0;
  require_intact(apart == (link_ && header.payload_bytes > 0), "from rank ", peer,
                 apart ? ": a payload that is apart" : ": a payload that is not apart");
  if (apart) return link_->receive(header.round, peer, incoming.room.first(header.payload_bytes));
  if ((header.flags & arena_flag) != 0) {
    return take_from_arena(peer, incoming, read_place(peer, inbox.payload));
  }
  if (inbox.payload.size() == header.payload_bytes) {
    std::copy(inbox.payload.begin(), inbox.payload.end(), incoming.room.begin());
    return;
  }
  const Recv recv{peer, incoming.room.data(), header.payload_bytes};
  incoming.request = transport_->exchange(channel_, {}, {&recv, 1});
  incoming.state = Incoming::payload_due;
}

void Messenger::read_payload(int peer, Incoming& incoming) {
  const Bytes arrived = incoming.room.first(incoming.request->received_bytes(0));
  incoming.request.reset();
  if (arrived.size() != incoming.header.payload_bytes) {
    // A peer that fails withdraws its payloads. What comes in their place are the headers of its
    // other frames, and at last the error.
    at(peer).inbox.errors_only = true;
    incoming.state = Incoming::due;
    read_message(peer, arrived);
    return;
  }
  if (incoming.check != Check::by_reader) check_payload_from(peer, incoming.header, arrived);
  incoming.state = Incoming::done;
}

bool Messenger::wait_until(TimePoint end, const std::function<bool()>& condition) {
  const TimePoint begin = Clock::now(), deaf_until = after(deaf_seconds);
  bool met = false;
  while (true) {
    poll();
    met = condition();
    const TimePoint now = Clock::now();
    if (met || now >= end) break;
    const bool deaf = now < deaf_until;
    if (!deaf && listen_to_all()) continue;
    transport_->progress(deaf ? std::min(end, deaf_until) : end);
  }
  traffic_.wait_seconds += std::chrono::duration<double>(Clock::now() - begin).count();
  return met;
}

/// Later rounds wait longer: who waits for a rank that is itself stuck hears of it first.
double Messenger::patience(int round) const {
  return timeout_seconds_ + round * std::max(0.25, 0.1 * timeout_seconds_);
}

bool Messenger::waits_for(int peer, int round) {
  const auto& expected = at(peer).expected;
  return !expected.empty() && expected.front().state != Incoming::done &&
         expected.front().round <= round;
}

Frame Messenger::receive(int peer) {
  auto& expected = at(peer).expected;
  const int round = expected.front().round;
  if (link_) start_payloads(round);
  if (!wait_until(after(patience(round)), [&] { return !waits_for(peer, round); })) {
    std::vector<int> silent;
    for (int other = 0; other < world_size(); ++other) {
      if (waits_for(other, round)) silent.push_back(other);
    }
    fail_silent(silent, round);
  }
  const Frame frame{expected.front().header, expected.front().payload};
  expected.pop_front();
  return frame;
}

void Messenger::finish() {
  if (link_ && link_->last_round()) start_payloads(*link_->last_round());
  const int round = last_round_ + 1;
  if (wait_until(after(patience(round)), [&] { return outgoing_.empty(); })) return;
  std::vector<int> silent;
  for (OutgoingFrame& out : outgoing_) {
    if (!out.has_left()) silent.push_back(out.peer);
  }
  std::sort(silent.begin(), silent.end());
  silent.erase(std::unique(silent.begin(), silent.end()), silent.end());
  fail_silent(silent, last_round_);
}

}  // namespace skimp
