#include "transports/tcp/tcp.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "base/error.h"
#include "transports/check.h"
#include "transports/tcp/connection.h"

namespace skimp {
namespace {

using tcp::Connection;
using tcp::Progress;

/// One for each rank; null for this one.
using Connections = std::vector<std::unique_ptr<Connection>>;

class TcpRequest final : public Request {
 public:
  explicit TcpRequest(const Connections& connections) : connections_(connections) {}
  TcpRequest(const TcpRequest&) = delete;
  TcpRequest& operator=(const TcpRequest&) = delete;

  ~TcpRequest() override {
    if (progress_.unfinished == 0) return;
    for (const int peer : peers_) at(peer).withdraw(progress_);
  }

  /// Not in the constructor: when this throws, the destructor withdraws what had started.
  void start(Channel channel, std::span<const Send> sends, std::span<const Recv> recvs) {
    for (const Send& send : sends) peers_.push_back(send.peer);
    for (const Recv& recv : recvs) peers_.push_back(recv.peer);
    std::sort(peers_.begin(), peers_.end());
    peers_.erase(std::unique(peers_.begin(), peers_.end()), peers_.end());
    progress_.received.assign(recvs.size(), 0);
    for (std::size_t i = 0; i < recvs.size(); ++i) {
      at(recvs[i].peer).post(progress_, i, channel, recvs[i]);
    }
    for (const Send& send : sends) at(send.peer).offer(progress_, channel, send);
  }

  bool done() override {
    for (auto peer = peers_.begin(); peer != peers_.end() && progress_.unfinished != 0; ++peer) {
      at(*peer).pump();
    }
    if (progress_.error) throw *progress_.error;
    return progress_.unfinished == 0;
  }

  std::uint64_t received_bytes(std::size_t i) const override { return progress_.received[i]; }

 private:
  Connection& at(int peer) const { return *connections_[static_cast<std::size_t>(peer)]; }

  const Connections& connections_;
  std::vector<int> peers_;
  Progress progress_;
};

class TcpTransport final : public Transport {
 public:
  TcpTransport(int rank, std::span<const int> sockets) : rank_(rank) {
    connections_.resize(sockets.size());
    polled_.assign(sockets.size(), {-1, 0, 0});  // poll looks at no negative socket
    for (std::size_t peer = 0; peer < sockets.size(); ++peer) {
      if (static_cast<int>(peer) == rank) continue;
      connections_[peer] =
          std::make_unique<Connection>(sockets[peer], static_cast<int>(peer), events_);
    }
  }

  int rank() const override { return rank_; }
  int world_size() const override { return static_cast<int>(connections_.size()); }
  const char* name() const override { return "tcp"; }

  std::unique_ptr<Request> exchange(Channel channel, std::span<const Send> sends,
                                    std::span<const Recv> recvs) override {
    check_exchange(*this, channel, sends, recvs);
    auto request = std::make_unique<TcpRequest>(connections_);
    request->start(channel, sends, recvs);
    return request;
  }

  /// An event since the last call counts: a look at one request may have moved another.
  void progress(TimePoint until) override {
    do {
      if (events_ == seen_) wait(until);
    } while (events_ == seen_ && Clock::now() < until);
    seen_ = events_;
  }

  bool shared_memory() const override { return false; }
  bool can_withdraw() const override { return true; }
  Channel channels() const override { return std::numeric_limits<Channel>::max(); }

  std::string loss(int peer) const override {
    return peer == rank_ ? "" : connections_[static_cast<std::size_t>(peer)]->loss();
  }

 private:
  /// Moves messages once a socket is ready, or the time is up.
  void wait(TimePoint until) {
    for (std::size_t peer = 0; peer < connections_.size(); ++peer) {
      const Connection* connection = connections_[peer].get();
      if (connection == nullptr) continue;
      polled_[peer].fd = connection->loss().empty() ? connection->socket() : -1;
      polled_[peer].events =
          static_cast<short>(connection->wants_to_write() ? POLLIN | POLLOUT : POLLIN);
    }
    const auto left = std::max(until - Clock::now(), Clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(left - seconds);
    const timespec time{static_cast<time_t>(seconds.count()), static_cast<long>(rest.count())};
    if (::ppoll(polled_.data(), polled_.size(), &time, nullptr) <= 0) return;
    for (std::size_t peer = 0; peer < connections_.size(); ++peer) {
      if (polled_[peer].fd >= 0 && polled_[peer].revents != 0) connections_[peer]->pump();
    }
  }

  const int rank_;
  std::uint64_t events_ = 0;
  std::uint64_t seen_ = 0;
  Connections connections_;
  std::vector<pollfd> polled_;  ///< by rank
};

void require_stream(int peer, int socket) {
  int type = 0;
  socklen_t bytes = sizeof type;
  require(::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_STREAM,
          "tcp: ", socket, ", for rank ", peer, ", is not a stream socket");
}

}  // namespace

std::unique_ptr<Transport> make_tcp(int rank, std::span<const int> sockets) {
  const auto world_size = static_cast<int>(sockets.size());
  require(rank >= 0 && rank < world_size, "tcp: rank ", rank, " of ", world_size, " is not a rank");
  for (int peer = 0; peer < world_size; ++peer) {
    if (peer != rank) require_stream(peer, sockets[static_cast<std::size_t>(peer)]);
  }
  return std::make_unique<TcpTransport>(rank, sockets);
}

}  // namespace skimp
