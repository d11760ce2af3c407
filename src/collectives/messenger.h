/// \file
/// Frames over a transport: every wait has a deadline, every header is compared with the call that
/// this rank is in, and a rank that fails says so in place of its data.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "collectives/arenas.h"
#include "collectives/frame_messages.h"
#include "collectives/link_queue.h"
#include "collectives/mismatch.h"
#include "skimp/skimp.h"

namespace skimp {

/// Who waits longer than this listens to everybody, not only to whom it waits for: any rank may
/// know why nothing comes.
inline constexpr double deaf_seconds = 0.02;

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

/// Counted where frames begin to leave, and have come; their payloads are, wherever they lie.
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
  ~Messenger();

  /// Goes on over a transport that wraps the one so far; what is under way stays under way.
  void change_transport(Transport& transport) { transport_ = &transport; }

  /// Starts a call: nothing is under way, traffic is counted from zero.
  void begin(CallId call, double timeout_seconds);

  /// Whether the ranks have compared this call's text before.
  bool has_agreed() const { return agreed_.count(call_.fingerprint) != 0; }

  /// Compares `call.text` with every other rank's. Throws MismatchError. Not counted as traffic.
  /// The first time, ranks of one node (`nodes` has each rank's; empty: not known) open one
  /// another's arenas.
  void agree(const std::vector<int>& nodes);

  /// Payloads of this call's data lie on devices, and go from one to the other by this queue. What
  /// `receive` gives is then there for work behind it in the stream.
  void link_payloads(LinkQueue queue) { link_ = std::move(queue); }

  /// For who waits, within a round, for something else than frames: a little while in which peers
  /// may say that they have failed, at most until the round's deadline.
  DeviceLink::Idle idle_in_round(int round);

  /// Waits until the stream of such payloads is done, with a deadline, and an ear for the peers.
  void wait_for_stream(const std::function<bool()>& is_done);

  /// Fills in what the messenger knows (sender, round, call) and seals the header, which has the
  /// sum of a payload on a device already. `products` is the payload's sum_of_products, if known.
  FrameHeader stamp(FrameHeader header, int round, Bytes payload,
                    std::optional<std::uint64_t> products = {}) const;

  /// At most this many frames are on their way to one peer. One leaves the link idle between two;
  /// with very many, large networks' buffers fill in one direction.
  void set_window(int frames) { window_ = frames; }
  int window() const { return window_; }

  /// Starts sending a stamped frame, as soon as the window to that peer has room. The payload must
  /// live until `finish`.
  void send(int peer, const FrameHeader& header, Bytes payload);

  /// Room in this rank's arena for a payload that exactly these peers will be sent; empty where
  /// there is none, and for small payloads, which travel with their headers.
  MutableBytes lend(std::uint64_t bytes, std::span<const int> readers);

  /// Who checks a payload, and where it is then: in the room for it, or wherever it came to, until
  /// released. A reader of all of it may check it while it reads (check_payload_from).
  enum class Check { here, in_place, by_reader };

  /// Announces room for the next frame of `peer`; it must live until received.
  void expect(int peer, int round, MutableBytes room, Check check = Check::here);

  /// Waits for the oldest expected frame of `peer`, checked from end to end (a payload on a device,
  /// or so expected: by who decodes it).
  Frame receive(int peer);

  /// A frame that was expected in place, or by who reads it, has been read.
  void release(int peer, const Frame& frame);

  /// Lets what has arrived move on, without waiting.
  void poll();

  /// Between calls: throws the error of a peer that says it has failed. Frames of later calls stay
  /// for those. True if this is when it began to listen, so that to look again may find more.
  bool watch(int peer);

  /// Waits until everything that was sent has left.
  void finish();

  /// After an error: tells the peers, in place of data that can be withdrawn, and gives what cannot
  /// a moment to leave.
  void abandon(const Error& cause) noexcept;

  /// No message is read or written there by the transport, so arenas may go before the messenger.
  void leave_arenas() noexcept { arenas_.reset(); }

  /// Whether some message is still under way, so that its memory must not be freed.
  bool busy() noexcept;

  const Traffic& traffic() const { return traffic_; }

 private:
  struct Incoming;
  struct Inbox;
  struct Peer;

  void start(int peer, const FrameHeader& header, Bytes payload);
  bool has_room(int peer);

  int rank() const { return transport_->rank(); }
  int world_size() const { return transport_->world_size(); }
  Peer& at(int peer);
  void state_call();
  void open_arenas(const std::vector<int>& nodes);
  void take_from_arena(int peer, Incoming& incoming, std::uint64_t place);
  void push(int peer, int round, FrameKind kind, MutableBytes room, Check check);
  bool listen(int peer);
  bool listen_to_all();
  bool hear(int peer);
  void read_message(int peer, Bytes message);
  bool has_failed(int peer, const Incoming* next);
  void advance(int peer);
  bool will_be_expected(const FrameHeader& header) const;
  bool is_of_this_call(const FrameHeader& header, FrameKind kind) const;
  void deliver(int peer, Incoming& incoming);
  void start_payloads(int last_round);
  void require_headers(int round);
  void read_payload(int peer, Incoming& incoming);
  Statement statement_of(int peer);
  [[noreturn]] void hold_inquest();
  bool wait_until(TimePoint end, const std::function<bool()>& condition);
  bool waits_for(int peer, int round);
  [[noreturn]] void fail_silent(const std::vector<int>& peers, int round) const;
  double patience(int round) const;

  Transport* transport_;
  Channel channel_;
  CallId call_;
  double timeout_seconds_ = 300;
  int last_round_ = 0;  ///< of those sent or expected in this call
  int window_ = SKIMP_WINDOW;
  bool has_stated_ = false;
  bool in_inquest_ = false;
  std::vector<Peer> peers_;
  std::list<OutgoingFrame> outgoing_;                      ///< none moves before it has left
  std::unordered_map<std::uint64_t, std::string> agreed_;  ///< texts by fingerprint
  std::optional<LinkQueue> link_;                          ///< of this call
  const std::uint64_t arena_bytes_;                        ///< wanted; 0: none
  std::optional<Arenas> arenas_;  ///< since the first agreement, where ranks map memory
  Traffic traffic_;
};

/// A frame that a collective expects.
struct Messenger::Incoming {
  enum State { due, payload_due, done };

  int round;
  FrameKind kind;
  MutableBytes room;
  Check check;
  State state = due;
  FrameHeader header{};
  Bytes payload{};
  std::unique_ptr<Request> request{};  ///< of the payload of a large frame
};

/// Where the first message of a peer's next frame arrives. One at a time, since the message after
/// it may be its payload.
struct Messenger::Inbox {
  std::unique_ptr<std::byte[]> message{};
  std::unique_ptr<Request> request{};  ///< null when not listening
  bool read = false;                   ///< `header` and `payload` are those of a message
  bool errors_only = false;            ///< the peer has given up: other frames lack their payloads
  FrameHeader header{};
  Bytes payload{};  ///< of a small frame
};

struct Messenger::Peer {
  Inbox inbox{};
  std::deque<Incoming> expected{};       ///< oldest first
  std::optional<Statement> statement{};  ///< the last in this call

  /// The first frame that has not come; null when nothing is expected.
  Incoming* next();
};

}  // namespace skimp
