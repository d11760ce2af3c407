/// \file
/// Frames over a transport: every wait has a deadline, every header is compared with the call that
/// this rank is in, and a rank that fails says so in place of its data.
///
/// A frame of at most `small_message_bytes` is one message. A longer one is two, its header and its
/// payload, so that a receiver knows what comes before it makes room: whatever a confused peer
/// sends, it lands in memory that was meant for it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "codecs/frame.h"
#include "collectives/mismatch.h"
#include "transports/transport.h"

namespace skimp {

/// What all ranks must agree on in one call.
struct CallId {
  std::uint64_t fingerprint = 0;
  std::uint64_t sequence = 0;
  std::string text;  ///< the plan in words
};

struct Frame {
  FrameHeader header;
  Bytes payload;
};

/// Counted where messages enter and leave the transport.
struct Traffic {
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t messages_sent = 0;
  double wait_seconds = 0;
};

/// The frames of one call at a time. Frames between two ranks keep their order: the i-th `expect`
/// of a peer takes the i-th frame that it sends.
class Messenger {
 public:
  Messenger(Transport& transport, Channel channel);

  /// Starts a call: nothing is under way, traffic is counted from zero.
  void begin(CallId call, double timeout_seconds);

  /// Fills in what the messenger knows (sender, round, call) and seals the header.
  FrameHeader stamp(FrameHeader header, int round, Bytes payload) const;

  /// Starts sending a stamped frame; the payload must live until `finish`.
  void send(int peer, const FrameHeader& header, Bytes payload);

  /// Announces room for the next frame of `peer`; it must live until received.
  void expect(int peer, int round, MutableBytes room);

  /// Waits for the oldest expected frame of `peer`, checked from end to end.
  Frame receive(int peer);

  /// Lets what has arrived move on, without waiting.
  void poll();

  /// Waits until everything that was sent has left.
  void finish();

  /// Compares `call.text` with every other rank's. Throws MismatchError. Not counted as traffic.
  void agree();

  /// After an error: tells the peers, and gives what is under way a moment to leave.
  void abandon(const Error& cause) noexcept;

  /// Whether some message is still under way, so that its memory must not be freed.
  bool busy();

  const Traffic& traffic() const { return traffic_; }

 private:
  struct Outgoing;
  struct Incoming;

  int rank() const { return transport_.rank(); }
  void push(int peer, int round, MutableBytes room, bool any_call);
  void start(Incoming& incoming);
  void advance(int peer);
  void read_message(Incoming& incoming);
  void check_call(const Incoming& incoming);
  void read_payload(Incoming& incoming);
  bool supports(const Statement& statement) const;
  [[noreturn]] void hold_inquest();
  bool wait_until(TimePoint end, const std::function<bool()>& condition);
  bool waits_for(int peer) const;
  [[noreturn]] void fail_silent(const std::vector<int>& peers, int round) const;
  double patience(int round) const;

  Transport& transport_;
  Channel channel_;
  CallId call_;
  double timeout_seconds_ = 300;
  bool in_inquest_ = false;
  std::vector<std::deque<Incoming>> incoming_;         ///< by peer, oldest first
  std::vector<std::optional<Statement>> statements_;  ///< by peer, the last in this call
  std::deque<Outgoing> outgoing_;
  Traffic traffic_;
};

struct Messenger::Outgoing {
  int peer;
  FrameHeader header;              ///< of a large frame, while it is on its way
  std::vector<std::byte> message;  ///< a small frame, header and payload
  std::unique_ptr<Request> request;
};

struct Messenger::Incoming {
  enum State { queued, message_due, payload_due, done };

  int peer = 0;
  int round = 0;
  MutableBytes room{};
  bool any_call = false;  ///< take a frame of whatever call, to be judged by the caller
  State state = queued;
  std::vector<std::byte> message{};
  FrameHeader header{};
  std::unique_ptr<Request> request{};
};

}  // namespace skimp
