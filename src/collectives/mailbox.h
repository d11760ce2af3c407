/// \file
/// Frames from one rank to another, of which no third rank takes notice.
///
/// They have a channel of their own, so they stand in no order with the calls of all ranks, and are
/// numbered by pair: the i-th that a rank sends to another is the i-th that this one takes from it.
/// A rank that waits here, to send or to receive, takes in whatever others send to it, and keeps it
/// until it is asked for. So ranks that all send before they receive do not wait for each other,
/// and frames of different tags may be received in another order than they were sent in.
///
/// Failures are told by the Messenger of the same ranks, to everybody.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collectives/frame_messages.h"
#include "collectives/messenger.h"
#include "device/buffer.h"

namespace skimp {

class Mailbox {
 public:
  struct Letter {
    FrameHeader header;
    Buffer payload;
  };

  /// `messenger` lives as long, and uses another channel of the transport.
  Mailbox(Transport& transport, Channel channel, Messenger& messenger);
  ~Mailbox();

  /// Goes on over a transport that wraps the one so far; what is under way stays under way.
  void change_transport(Transport& transport) { transport_ = &transport; }

  /// Starts a call, in the words that an error is to quote. Traffic is counted from zero.
  void begin(std::string text, double timeout_seconds);

  /// Frames sent to a peer so far.
  std::uint64_t sent_to(int peer) const;

  /// Sends a frame (`header` as Codec and count describe it) and returns once it has left: a small
  /// one at once, a large one when the peer takes it. The payload must live until then.
  void send(int peer, int tag, FrameHeader header, Bytes payload);

  /// The oldest frame of `peer` with this tag that was not received yet.
  Letter receive(int peer, int tag);

  /// What was received, to be received again.
  void put_back(int peer, Letter letter);

  /// Whether some message is still under way, so that its memory must not be freed.
  bool busy() noexcept;

  const Traffic& traffic() const { return traffic_; }

  /// Of the same ranks.
  Messenger& messenger() { return *messenger_; }

 private:
  struct Peer;

  int rank() const { return transport_->rank(); }
  Peer& at(int peer);
  bool listen(int peer);
  void take(int peer);
  void open(int peer, Bytes message);
  bool watch(int peer, const std::function<bool()>& condition);
  bool wait_until(int peer, double deaf_for, const std::function<bool()>& condition);
  [[noreturn]] void fail_silent(int peer, const std::string& hint) const;

  Transport* transport_;
  Channel channel_;
  Messenger* messenger_;
  std::string text_;
  double timeout_seconds_ = 300;
  std::vector<Peer> peers_;
  std::optional<OutgoingFrame> outgoing_;
  Traffic traffic_;
};

struct Mailbox::Peer {
  std::uint64_t sent = 0;
  std::uint64_t taken = 0;
  std::unique_ptr<std::byte[]> message{};  ///< where the first message of its next frame arrives
  std::unique_ptr<Request> request{};      ///< of that, or of the payload of `arriving`; or null
  std::optional<Letter> arriving{};        ///< a large frame whose payload is on its way
  std::deque<Letter> letters{};            ///< taken, and not asked for yet
};

}  // namespace skimp
