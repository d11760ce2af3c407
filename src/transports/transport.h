/// \file
/// A transport moves messages between ranks. It has one required verb, `exchange`; everything that
/// a collective does over threads, MPI or a simulator is made of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace skimp {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

inline TimePoint after(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

/// Messages between two ranks keep their order within a channel. MPI: a tag.
using Channel = int;

struct Send {
  int peer;
  const void* data;
  std::uint64_t bytes;
};

/// Takes a message of at most `capacity` bytes. A longer one is an error of the call that waits.
/// Beyond `small_message_bytes` the message must have exactly `capacity` bytes.
struct Recv {
  int peer;
  void* data;
  std::uint64_t capacity;
};

inline constexpr std::uint64_t small_message_bytes = 4096;

/// A group of messages under way. Its buffers must live until it is done or destroyed. Destroying
/// an unfinished one withdraws it as far as the transport can (see Transport::can_withdraw). A
/// request belongs to the thread of its transport and must be destroyed before it.
class Request {
 public:
  virtual ~Request() = default;
  /// True once every message has been sent or received. Throws Error when one has failed.
  virtual bool done() = 0;
  /// The bytes that the i-th receive of the group took; valid once done.
  virtual std::uint64_t received_bytes(std::size_t i) const = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;
  virtual const char* name() const = 0;

  /// Starts a group of point-to-point messages that progress together. Does not block. Messages of
  /// zero bytes and messages to oneself are not allowed.
  virtual std::unique_ptr<Request> exchange(Channel channel, std::span<const Send> sends,
                                            std::span<const Recv> recvs) = 0;

  /// Makes progress on this rank's requests. Returns when one of them may have changed, and at
  /// `until` at the latest.
  virtual void progress(TimePoint until) = 0;

  /// Whether all ranks share memory: there a direct dense exchange beats a ring.
  virtual bool shared_memory() const = 0;

  /// Whether ranks are processes, which may map one another's memory where they share a machine.
  /// The same on all ranks.
  virtual bool maps_memory() const { return false; }

  /// Whether destroying an unfinished request frees its buffers. Where not (MPI), whoever owns
  /// them keeps them for ever after a failure.
  virtual bool can_withdraw() const = 0;

  /// Why nothing more will come from a peer than has come, empty while more may. Such a peer is no
  /// error by itself: it may have done its part, and what came before may say why it went. Receives
  /// from it stay unfinished, and what is sent to it is dropped.
  virtual std::string loss([[maybe_unused]] int peer) const { return {}; }

  /// Channels 0 … channels() - 1 may be used.
  virtual Channel channels() const = 0;
};

}  // namespace skimp
