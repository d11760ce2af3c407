/// \file
/// The messages between this rank and one other, on a socket that does not block.
///
/// A message is a prefix (a mark, the channel, the number of bytes) and its bytes. Messages leave
/// in the order in which they were offered. One that comes goes straight into the receive that
/// waits for it, or is kept until one does. Nothing here waits: `pump` moves what can be moved.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "transports/transport.h"

namespace skimp::tcp {

/// What has become of a group of messages.
struct Progress {
  std::size_t unfinished = 0;
  std::vector<std::uint64_t> received;
  std::optional<Error> error;
};

class Connection {
 public:
  /// Owns the socket. `events` counts what the owner of a Progress may want to see.
  Connection(int socket, int peer, std::uint64_t& events);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void offer(Progress& progress, Channel channel, const Send& send);
  void post(Progress& progress, std::size_t index, Channel channel, const Recv& recv);

  /// Neither reads nor writes the memory of these messages from here on. What has begun to leave
  /// leaves as it is now, and what has begun to come is read and dropped.
  void withdraw(const Progress& progress);

  /// Writes what the socket takes, and reads what has come, up to the end of one message.
  void pump();

  int socket() const { return socket_; }
  bool wants_to_write() const { return !outgoing_.empty(); }

  /// Why nothing more will come than has been read; empty while more may.
  const std::string& loss() const { return loss_; }

 private:
  struct Prefix {
    std::uint32_t mark;
    Channel channel;
    std::uint64_t bytes;
  };
  static_assert(sizeof(Prefix) == 16);

  struct Outgoing {
    Progress* progress;  ///< null: withdrawn
    Prefix prefix;
    const std::byte* data;
    std::uint64_t written = 0;  ///< bytes, with those of the prefix
    std::vector<std::byte> copy{};
  };
  struct Posted {
    Progress* progress;
    std::size_t index;
    Channel channel;
    std::byte* data;
    std::uint64_t capacity;
  };
  struct Kept {
    Channel channel;
    std::vector<std::byte> bytes;
  };
  /// A message whose prefix is here.
  struct Arriving {
    Prefix prefix;
    std::uint64_t read = 0;
    std::optional<Posted> receive{};  ///< who takes it; else it goes to `kept`, or
    bool dropped = false;             ///< nowhere
    std::vector<std::byte> kept{};
  };

  void write();
  bool write_some(Outgoing& out);
  void read();
  bool read_some(std::byte* to, std::uint64_t bytes, std::uint64_t& done);
  bool read_prefix();
  bool read_body();
  void arrived();
  std::optional<Posted> take_receive(Channel channel);
  void give(const Posted& receive, const std::byte* data, std::uint64_t bytes);
  void finish_one(Progress& progress);
  void lose(std::string why);

  const int socket_;
  const int peer_;
  std::uint64_t& events_;
  bool writes_ = true;
  std::string loss_;
  std::deque<Outgoing> outgoing_;
  std::deque<Posted> posted_;
  std::deque<Kept> kept_;
  std::array<std::byte, sizeof(Prefix)> prefix_;
  std::uint64_t prefix_read_ = 0;
  std::optional<Arriving> arriving_;
};

}  // namespace skimp::tcp
