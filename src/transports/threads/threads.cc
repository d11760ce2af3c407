#include "transports/threads/threads.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>
#include <optional>

#include "base/error.h"
#include "transports/check.h"
#include "transports/threads/port.h"

namespace skimp {
namespace {

/// Up to here a send copies its message and is done at once. The margin lets a frame of a small
/// payload, header included, count as small.
constexpr std::uint64_t eager_bytes = small_message_bytes + 64;

struct Hub {
  explicit Hub(int world_size) {
    for (int rank = 0; rank < world_size; ++rank) ports.emplace_back(world_size);
  }
  Port& port(int rank) { return ports[static_cast<std::size_t>(rank)]; }
  int world_size() const { return static_cast<int>(ports.size()); }

  std::deque<Port> ports;  // Ports hold mutexes and so cannot move.
};

/// Copies what has arrived for `rank` into the receives that wait for it.
void deliver(Hub& hub, int rank);

class ThreadsRequest final : public Request {
 public:
  ThreadsRequest(Hub& hub, int rank) : hub_(hub), rank_(rank) {}
  ThreadsRequest(const ThreadsRequest&) = delete;
  ThreadsRequest& operator=(const ThreadsRequest&) = delete;

  ~ThreadsRequest() override {
    for (const Sent& send : sends_) hub_.port(send.peer).withdraw(send.message);
    if (receiving_ != 0) hub_.port(rank_).retract(this);
  }

  /// Not in the constructor: when this throws, the destructor withdraws what had started.
  void start(Channel channel, std::span<const Send> sends, std::span<const Recv> recvs) {
    received_.assign(recvs.size(), 0);
    for (std::size_t i = 0; i < recvs.size(); ++i) {
      ++receiving_;
      hub_.port(rank_).post({this, i, recvs[i].peer, channel,
                             static_cast<std::byte*>(recvs[i].data), recvs[i].capacity});
    }
    sends_.reserve(sends.size());
    for (const Send& send : sends) offer(channel, send);
  }

  bool done() override {
    if (receiving_ != 0) deliver(hub_, rank_);
    std::erase_if(sends_, [](const Sent& send) {
      return send.message->state.load(std::memory_order_acquire) == Message::State::taken;
    });
    if (error_) throw *error_;
    return receiving_ == 0 && sends_.empty();
  }

  std::uint64_t received_bytes(std::size_t i) const override { return received_[i]; }

  void take(const Message& message, const PostedReceive& receive) {
    --receiving_;
    received_[receive.index] = message.bytes;
    if (message.bytes <= receive.capacity) {
      std::memcpy(receive.data, message.data, message.bytes);
    } else if (!error_) {
      error_.emplace(SKIMP_CORRUPT_PAYLOAD,
                     text("rank ", rank_, " got a message of ", message.bytes, " bytes from rank ",
                          message.source, " where at most ", receive.capacity, " were expected"));
    }
  }

 private:
  struct Sent {
    int peer;
    std::shared_ptr<Message> message;
  };

  void offer(Channel channel, const Send& send) {
    auto message = std::make_shared<Message>();
    message->source = rank_;
    message->channel = channel;
    message->bytes = send.bytes;
    if (send.bytes <= eager_bytes) {
      message->copy = std::make_unique_for_overwrite<std::byte[]>(send.bytes);
      std::memcpy(message->copy.get(), send.data, send.bytes);
      message->data = message->copy.get();
    } else {
      message->data = static_cast<const std::byte*>(send.data);
      sends_.push_back({send.peer, message});
    }
    hub_.port(send.peer).offer(std::move(message));
  }

  Hub& hub_;
  const int rank_;
  std::size_t receiving_ = 0;
  std::vector<std::uint64_t> received_;
  std::vector<Sent> sends_;  // Those not taken yet.
  std::optional<Error> error_;
};

void deliver(Hub& hub, int rank) {
  std::vector<Match>& matches = hub.port(rank).match();
  for (const auto& [message, receive] : matches) {
    static_cast<ThreadsRequest*>(receive.request)->take(*message, receive);
    message->state.store(Message::State::taken, std::memory_order_release);
    if (message->copy == nullptr) {  // The sender waits for it.
      message->state.notify_one();
      hub.port(message->source).signal();
    }
  }
  matches.clear();
}

class ThreadsTransport final : public Transport {
 public:
  ThreadsTransport(std::shared_ptr<Hub> hub, int rank) : hub_(std::move(hub)), rank_(rank) {}

  int rank() const override { return rank_; }
  int world_size() const override { return hub_->world_size(); }
  const char* name() const override { return "threads"; }

  std::unique_ptr<Request> exchange(Channel channel, std::span<const Send> sends,
                                    std::span<const Recv> recvs) override {
    check_exchange(*this, channel, sends, recvs);
    auto request = std::make_unique<ThreadsRequest>(*hub_, rank_);
    request->start(channel, sends, recvs);
    return request;
  }

  void progress(TimePoint until) override {
    // An event since the last call counts, so none is lost between a caller's look at its
    // requests and this wait.
    seen_ = hub_->port(rank_).wait(seen_, until);
    deliver(*hub_, rank_);
  }

  bool shared_memory() const override { return true; }
  bool can_withdraw() const override { return true; }
  Channel channels() const override { return std::numeric_limits<Channel>::max(); }

 private:
  const std::shared_ptr<Hub> hub_;
  const int rank_;
  std::uint64_t seen_ = 0;
};

}  // namespace

std::vector<std::unique_ptr<Transport>> make_threads(int world_size) {
  require(world_size >= 1, "threads: world_size = ", world_size, " is not at least 1");
  const auto hub = std::make_shared<Hub>(world_size);
  std::vector<std::unique_ptr<Transport>> transports;
  for (int rank = 0; rank < world_size; ++rank) {
    transports.push_back(std::make_unique<ThreadsTransport>(hub, rank));
  }
  return transports;
}

}  // namespace skimp
