#include "collectives/messenger.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "collectives/error_frame.h"

namespace skimp {
namespace {

/// How long a rank that found a disagreement listens for what the others say of it, before it
/// names who is odd; and how long one that failed lets its last messages leave.
constexpr double inquest_seconds = 0.5;
constexpr double linger_seconds = 1.0;

TimePoint after(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(seconds));
}

std::string name_ranks(const std::vector<int>& ranks) {
  std::string named = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    named += (i == 0 ? "" : i + 1 == ranks.size() ? " and " : ", ") + std::to_string(ranks[i]);
  }
  return named;
}

}  // namespace

Messenger::Messenger(Transport& transport, Channel channel)
    : transport_(transport),
      channel_(channel),
      incoming_(static_cast<std::size_t>(transport.world_size())),
      statements_(static_cast<std::size_t>(transport.world_size())) {}

void Messenger::begin(CallId call, double timeout_seconds) {
  call_ = std::move(call);
  timeout_seconds_ = timeout_seconds;
  traffic_ = {};
  std::fill(statements_.begin(), statements_.end(), std::nullopt);
}

FrameHeader Messenger::stamp(FrameHeader header, int round, Bytes payload) const {
  header.payload_bytes = payload.size();
  header.round = static_cast<std::uint16_t>(round);
  header.sender = static_cast<std::uint32_t>(rank());
  header.fingerprint = call_.fingerprint;
  header.sequence = call_.sequence;
  seal(header, payload);
  return header;
}

void Messenger::send(int peer, const FrameHeader& header, Bytes payload) {
  Outgoing& out = outgoing_.emplace_back(Outgoing{peer, header, {}, nullptr});
  if (header_bytes + payload.size() <= small_message_bytes) {
    out.message.resize(header_bytes + payload.size());
    store(out.message.data(), header);
    std::copy(payload.begin(), payload.end(), out.message.begin() + header_bytes);
    const Send send{peer, out.message.data(), out.message.size()};
    out.request = transport_.exchange(channel_, {&send, 1}, {});
  } else {
    const Send sends[] = {{peer, &out.header, header_bytes},
                          {peer, payload.data(), payload.size()}};
    out.request = transport_.exchange(channel_, sends, {});
  }
  traffic_.bytes_sent += header_bytes + payload.size();
  traffic_.messages_sent += 1;
}

void Messenger::expect(int peer, int round, MutableBytes room) { push(peer, round, room, false); }

void Messenger::push(int peer, int round, MutableBytes room, bool any_call) {
  auto& queue = incoming_[static_cast<std::size_t>(peer)];
  Incoming& incoming = queue.emplace_back();
  incoming.peer = peer;
  incoming.round = round;
  incoming.room = room;
  incoming.any_call = any_call;
  // One receive at a time and peer: the next message may be this frame's payload.
  const bool first = std::all_of(queue.begin(), queue.end() - 1, [](const Incoming& earlier) {
    return earlier.state == Incoming::done;
  });
  if (first) start(incoming);
}

void Messenger::start(Incoming& incoming) {
  incoming.message.resize(small_message_bytes);
  const Recv recv{incoming.peer, incoming.message.data(), small_message_bytes};
  incoming.request = transport_.exchange(channel_, {}, {&recv, 1});
  incoming.state = Incoming::message_due;
}

void Messenger::poll() {
  for (int peer = 0; peer < transport_.world_size(); ++peer) advance(peer);
  while (!outgoing_.empty() && outgoing_.front().request->done()) outgoing_.pop_front();
}

/// Moves the frames of a peer as far as what has arrived allows: also through receives that it
/// starts itself, since their messages may have come long ago and will not announce themselves.
void Messenger::advance(int peer) {
  for (Incoming& incoming : incoming_[static_cast<std::size_t>(peer)]) {
    if (incoming.state == Incoming::queued) start(incoming);
    while (incoming.state != Incoming::done) {
      if (!incoming.request->done()) return;
      if (incoming.state == Incoming::message_due) {
        read_message(incoming);
      } else {
        read_payload(incoming);
      }
    }
  }
}

/// The first message of a frame has arrived: its header, and the payload too if it is small.
void Messenger::read_message(Incoming& incoming) try {
  const std::uint64_t bytes = incoming.request->received_bytes(0);
  incoming.header = read_header({incoming.message.data(), bytes});
  const FrameHeader& header = incoming.header;
  const bool small = header_bytes + header.payload_bytes <= small_message_bytes;
  const std::uint64_t expected = header_bytes + (small ? header.payload_bytes : 0);
  require_intact(bytes == expected, "frame: a message of ", bytes, " bytes, its header tells of ",
                 expected);
  const Bytes payload(incoming.message.data() + header_bytes, small ? header.payload_bytes : 0);
  if (small) check_payload(header, payload);
  traffic_.bytes_received += header_bytes + header.payload_bytes;

  if (header.kind == FrameKind::error) {
    incoming.state = Incoming::done;
    throw read_error_frame(payload, incoming.peer);
  }
  const bool in_words = header.kind == FrameKind::agreement;
  statements_[static_cast<std::size_t>(incoming.peer)] = Statement{
      incoming.peer, header.fingerprint, header.sequence,
      in_words ? std::string(reinterpret_cast<const char*>(payload.data()), payload.size()) : ""};
  if (in_inquest_ || incoming.any_call) {
    incoming.state = Incoming::done;
    return;
  }
  check_call(incoming);
  if (small) {
    std::copy(payload.begin(), payload.end(), incoming.room.begin());
    incoming.state = Incoming::done;
  } else {
    const Recv recv{incoming.peer, incoming.room.data(), header.payload_bytes};
    incoming.request = transport_.exchange(channel_, {}, {&recv, 1});
    incoming.state = Incoming::payload_due;
  }
} catch (const Error& error) {
  if (error.status() != SKIMP_CORRUPT_PAYLOAD) throw;
  fail(SKIMP_CORRUPT_PAYLOAD, "from rank ", incoming.peer, ": ", error.what());
}

void Messenger::check_call(const Incoming& incoming) {
  const FrameHeader& header = incoming.header;
  if (header.kind != FrameKind::data || header.fingerprint != call_.fingerprint ||
      header.sequence != call_.sequence) {
    hold_inquest();
  }
  require_intact(header.round == incoming.round, "frame: round ", header.round, ", expected ",
                 incoming.round);
  require_intact(header.payload_bytes <= incoming.room.size(), "frame: ", header.payload_bytes,
                 " payload bytes, at most ", incoming.room.size(), " are possible here");
}

void Messenger::read_payload(Incoming& incoming) {
  const std::uint64_t bytes = incoming.request->received_bytes(0);
  require_intact(bytes == incoming.header.payload_bytes, "from rank ", incoming.peer,
                 ": a payload of ", bytes, " bytes, its header tells of ",
                 incoming.header.payload_bytes);
  try {
    check_payload(incoming.header, incoming.room.first(bytes));
  } catch (const Error& error) {
    fail(error.status(), "from rank ", incoming.peer, ": ", error.what());
  }
  incoming.state = Incoming::done;
}

bool Messenger::wait_until(TimePoint end, const std::function<bool()>& condition) {
  const TimePoint begin = Clock::now();
  bool met = false;
  while (true) {
    poll();
    met = condition();
    if (met || Clock::now() >= end) break;
    transport_.progress(end);
  }
  traffic_.wait_seconds += std::chrono::duration<double>(Clock::now() - begin).count();
  return met;
}

/// Later rounds wait longer: who waits for a rank that is itself stuck hears of it first.
double Messenger::patience(int round) const {
  return timeout_seconds_ + round * std::max(0.25, 0.1 * timeout_seconds_);
}

bool Messenger::waits_for(int peer) const {
  const auto& queue = incoming_[static_cast<std::size_t>(peer)];
  return !queue.empty() && queue.front().state != Incoming::done;
}

Frame Messenger::receive(int peer) {
  auto& queue = incoming_[static_cast<std::size_t>(peer)];
  const int round = queue.front().round;
  if (!wait_until(after(patience(round)), [&] { return !waits_for(peer); })) {
    std::vector<int> silent;
    for (int other = 0; other < transport_.world_size(); ++other) {
      if (waits_for(other)) silent.push_back(other);
    }
    fail_silent(silent, round);
  }
  const FrameHeader header = queue.front().header;
  const Bytes payload =
      queue.front().any_call ? Bytes{} : Bytes{queue.front().room.first(header.payload_bytes)};
  queue.pop_front();
  return {header, payload};
}

void Messenger::finish() {
  if (wait_until(after(patience(1)), [&] { return outgoing_.empty(); })) return;
  std::vector<int> silent;
  for (Outgoing& out : outgoing_) {
    if (!out.request->done()) silent.push_back(out.peer);
  }
  std::sort(silent.begin(), silent.end());
  silent.erase(std::unique(silent.begin(), silent.end()), silent.end());
  fail_silent(silent, 1);
}

void Messenger::fail_silent(const std::vector<int>& peers, int round) const {
  fail(SKIMP_TIMEOUT, name_ranks(peers), " did not answer rank ", rank(), " within ",
       timeout_seconds_, " s (round ", round, " of: ", call_.text, ")");
}

void Messenger::agree() {
  const Bytes words(reinterpret_cast<const std::byte*>(call_.text.data()), call_.text.size());
  FrameHeader header;
  header.kind = FrameKind::agreement;
  header = stamp(header, 0, words);
  for (int peer = 0; peer < transport_.world_size(); ++peer) {
    if (peer == rank()) continue;
    push(peer, 0, {}, true);
    send(peer, header, words);
  }
  for (int peer = 0; peer < transport_.world_size(); ++peer) {
    if (peer != rank()) receive(peer);
  }
  for (int peer = 0; peer < transport_.world_size(); ++peer) {
    if (peer == rank()) continue;
    const Statement& theirs = *statements_[static_cast<std::size_t>(peer)];
    if (!supports(theirs) || theirs.text.empty()) hold_inquest();
  }
  finish();
  traffic_ = {};
}

bool Messenger::supports(const Statement& statement) const {
  return statement.fingerprint == call_.fingerprint && statement.sequence == call_.sequence;
}

/// Some rank is in another call. Listens a little for the others, who may have found out more, and
/// throws: their error if one sends it, else one that names the rank that most disagree with.
void Messenger::hold_inquest() {
  in_inquest_ = true;
  const auto unclear = [&](int peer) {
    const auto& statement = statements_[static_cast<std::size_t>(peer)];
    return peer != rank() && (!statement || (!supports(*statement) && statement->text.empty()));
  };
  for (int peer = 0; peer < transport_.world_size(); ++peer) {
    if (unclear(peer)) push(peer, 0, {}, true);
  }
  wait_until(after(std::min(timeout_seconds_, inquest_seconds)), [&] {
    for (int peer = 0; peer < transport_.world_size(); ++peer) {
      if (unclear(peer)) return false;
    }
    return true;
  });
  std::vector<Statement> known{{rank(), call_.fingerprint, call_.sequence, call_.text}};
  for (const auto& statement : statements_) {
    if (statement) known.push_back(*statement);
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
  for (int peer = 0; peer < transport_.world_size(); ++peer) {
    if (peer != rank()) send(peer, header, payload);
  }
  const TimePoint end = after(std::min(timeout_seconds_, linger_seconds));
  const auto left = [](Outgoing& out) { return out.request->done(); };
  while (!std::all_of(outgoing_.begin(), outgoing_.end(), left) && Clock::now() < end) {
    transport_.progress(end);
  }
} catch (...) {
  // The network is broken too: the peers' deadlines will tell them.
}

bool Messenger::busy() {
  const auto left = [](Outgoing& out) { return out.request->done(); };
  if (!std::all_of(outgoing_.begin(), outgoing_.end(), left)) return true;
  for (auto& queue : incoming_) {
    for (Incoming& incoming : queue) {
      if (incoming.request && !incoming.request->done()) return true;
    }
  }
  return false;
}

}  // namespace skimp
