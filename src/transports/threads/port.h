/// \file
/// Where the messages to one rank meet the receives that it has posted.
///
/// As in MPI there are two queues: receives that wait for a message, and messages that wait for a
/// receive. Senders offer and withdraw messages; the rank itself posts, retracts and matches
/// receives, and copies what matched. Only the queues are under the mutex: the copy is not, so any
/// number of ranks copy at once.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "transports/transport.h"

namespace skimp {

/// A message under way. Sender and receiver share it; `state` says whose the data is.
struct Message {
  enum class State {
    offered,  ///< in the queue; the sender may still withdraw it
    taking,   ///< the receiver is reading `data`, so the sender must not free it
    taken
  };
  int source;
  Channel channel;
  const std::byte* data;
  std::uint64_t bytes;
  std::unique_ptr<std::byte[]> copy;  ///< of a message sent eagerly; `data` points here then
  std::atomic<State> state{State::offered};
};

/// One receive of a request. `request` tells the requests of a rank apart.
struct PostedReceive {
  void* request;
  std::size_t index;
  int source;
  Channel channel;
  std::byte* data;
  std::uint64_t capacity;
};

struct Match {
  std::shared_ptr<Message> message;
  PostedReceive receive;
};

class Port {
 public:
  explicit Port(int world_size);

  /// \name For senders
  /// @{
  void offer(std::shared_ptr<Message> message);
  /// On return the receiver does not and will not read the message's data.
  void withdraw(const std::shared_ptr<Message>& message);
  /// Says that a message which this port's rank sent has been taken.
  void signal();
  /// @}

  /// \name For the rank itself
  /// @{
  void post(const PostedReceive& receive);
  void retract(const void* request);
  /// Pairs messages with receives in the order of both. The messages of the pairs are `taking`.
  /// The pairs live until the next call.
  std::vector<Match>& match();
  /// Returns the number of events (offers and signals) so far, as soon as it is not `seen`, and at
  /// `until` at the latest.
  std::uint64_t wait(std::uint64_t seen, TimePoint until);
  /// @}

 private:
  /// Both queues are per source: few entries, searched for the channel from the front.
  struct Lane {
    std::vector<PostedReceive> receives;
    std::vector<std::shared_ptr<Message>> messages;
  };

  Lane& lane(int source) { return lanes_[static_cast<std::size_t>(source)]; }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<std::uint64_t> events_{0};  ///< changed under the mutex, read without
  std::vector<Lane> lanes_;
  std::size_t posted_ = 0;      ///< receives in all lanes
  std::vector<Match> matches_;  ///< used by the rank itself only, so not under the mutex
};

}  // namespace skimp
