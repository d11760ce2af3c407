#include "transports/tcp/connection.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace skimp::tcp {
namespace {

constexpr std::uint32_t message_mark = 0x50544b53;  // "SKTP"

/// A message that nobody waits for yet gets memory as it comes, not as its prefix asks.
constexpr std::uint64_t kept_at_once = std::uint64_t{1} << 16;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

Connection::Connection(int socket, int peer, std::uint64_t& events)
    : socket_(socket), peer_(peer), events_(events) {}

Connection::~Connection() { ::close(socket_); }

void Connection::offer(Progress& progress, Channel channel, const Send& send) {
  ++progress.unfinished;
  outgoing_.push_back(
      {&progress, {message_mark, channel, send.bytes}, static_cast<const std::byte*>(send.data)});
  write();
}

void Connection::post(Progress& progress, std::size_t index, Channel channel, const Recv& recv) {
  ++progress.unfinished;
  const Posted receive{&progress, index, channel, static_cast<std::byte*>(recv.data),
                       recv.capacity};
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& kept) { return kept.channel == channel; });
  if (found == kept_.end()) return posted_.push_back(receive);
  give(receive, found->bytes.data(), found->bytes.size());
  kept_.erase(found);
}

void Connection::withdraw(const Progress& progress) {
  std::erase_if(posted_, [&](const Posted& receive) { return receive.progress == &progress; });
  std::erase_if(outgoing_,
                [&](const Outgoing& out) { return out.progress == &progress && out.written == 0; });
  for (Outgoing& out : outgoing_) {
    if (out.progress != &progress) continue;
    out.progress = nullptr;
    out.copy.assign(out.data, out.data + out.prefix.bytes);
    out.data = out.copy.data();
  }
  if (arriving_ && arriving_->receive && arriving_->receive->progress == &progress) {
    arriving_->receive.reset();
    arriving_->dropped = true;
  }
}

void Connection::pump() {
  write();
  read();
}

void Connection::write() {
  while (!outgoing_.empty()) {
    if (writes_ && !write_some(outgoing_.front())) return;
    // To a rank that has gone nothing goes any more, and that is no error: what it sent before may
    // still be waiting here, and say why.
    if (Progress* progress = outgoing_.front().progress) finish_one(*progress);
    outgoing_.pop_front();
  }
}

/// False when the socket takes no more for now.
bool Connection::write_some(Outgoing& out) {
  const std::uint64_t total = sizeof out.prefix + out.prefix.bytes;
  while (out.written < total) {
    const std::uint64_t of_prefix = std::min<std::uint64_t>(out.written, sizeof out.prefix);
    const std::uint64_t of_data = out.written - of_prefix;
    // The kernel only reads them.
    iovec parts[] = {{reinterpret_cast<std::byte*>(&out.prefix) + of_prefix,
                      static_cast<std::size_t>(sizeof out.prefix - of_prefix)},
                     {const_cast<std::byte*>(out.data) + of_data,
                      static_cast<std::size_t>(out.prefix.bytes - of_data)}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t sent = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      out.written += static_cast<std::uint64_t>(sent);
    } else if (would_block(errno)) {
      return false;
    } else if (errno != EINTR) {
      writes_ = false;
      break;
    }
  }
  return true;
}

void Connection::read() {
  const std::uint64_t before = events_;
  // Not further: who hears of a header makes room for the payload behind it, which else is kept.
  while (loss_.empty() && events_ == before) {
    if (!arriving_ && !read_prefix()) return;
    if (!read_body()) return;
    arrived();
  }
}

/// Reads on, from the socket to `to`, until `done` is `bytes`. False when no more is here.
bool Connection::read_some(std::byte* to, std::uint64_t bytes, std::uint64_t& done) {
  while (done < bytes) {
    const ssize_t got = ::recv(socket_, to + done, bytes - done, MSG_DONTWAIT);
    if (got > 0) {
      done += static_cast<std::uint64_t>(got);
    } else if (got == 0) {
      lose("it closed its connection");
      return false;
    } else if (would_block(errno)) {
      return false;
    } else if (errno != EINTR) {
      lose(std::strerror(errno));
      return false;
    }
  }
  return true;
}

bool Connection::read_prefix() {
  if (!read_some(prefix_.data(), sizeof(Prefix), prefix_read_)) return false;
  prefix_read_ = 0;
  Prefix prefix;
  std::memcpy(&prefix, prefix_.data(), sizeof prefix);
  if (prefix.mark != message_mark || prefix.channel < 0 || prefix.bytes == 0) {
    lose("it sent bytes that are no message of Skimp's");
    return false;
  }
  arriving_.emplace(Arriving{prefix, 0, take_receive(prefix.channel)});
  if (arriving_->receive && prefix.bytes > arriving_->receive->capacity) {
    give(*arriving_->receive, nullptr, prefix.bytes);
    arriving_->receive.reset();
    arriving_->dropped = true;
  }
  return true;
}

bool Connection::read_body() {
  Arriving& body = *arriving_;
  if (body.receive) return read_some(body.receive->data, body.prefix.bytes, body.read);
  while (body.read < body.prefix.bytes) {
    const std::uint64_t begin = body.dropped ? 0 : body.read;
    const std::uint64_t room = std::min(kept_at_once, body.prefix.bytes - body.read);
    body.kept.resize(begin + room);
    std::uint64_t got = 0;
    const bool full = read_some(body.kept.data() + begin, room, got);
    body.read += got;
    body.kept.resize(begin + got);
    if (!full) return false;
  }
  return true;
}

/// The message is here to its end.
void Connection::arrived() {
  Arriving message = std::move(*arriving_);
  arriving_.reset();
  if (message.dropped) return;
  const Channel channel = message.prefix.channel;
  if (message.receive) {
    message.receive->progress->received[message.receive->index] = message.read;
    finish_one(*message.receive->progress);
  } else if (const auto receive = take_receive(channel)) {  // posted while it came
    give(*receive, message.kept.data(), message.kept.size());
  } else {
    kept_.push_back({channel, std::move(message.kept)});
  }
}

/// The first receive that is posted in the channel.
std::optional<Connection::Posted> Connection::take_receive(Channel channel) {
  const auto found = std::find_if(posted_.begin(), posted_.end(), [&](const Posted& receive) {
    return receive.channel == channel;
  });
  if (found == posted_.end()) return std::nullopt;
  const Posted receive = *found;
  posted_.erase(found);
  return receive;
}

/// Ends a receive: with a message, or with an error if it is too long.
void Connection::give(const Posted& receive, const std::byte* data, std::uint64_t bytes) {
  Progress& progress = *receive.progress;
  progress.received[receive.index] = bytes;
  if (bytes <= receive.capacity) {
    std::memcpy(receive.data, data, bytes);
  } else if (!progress.error) {
    progress.error.emplace(SKIMP_CORRUPT_PAYLOAD,
                           text("a message of ", bytes, " bytes came from rank ", peer_,
                                " where at most ", receive.capacity, " were expected"));
  }
  finish_one(progress);
}

void Connection::finish_one(Progress& progress) {
  --progress.unfinished;
  ++events_;
}

void Connection::lose(std::string why) {
  loss_ = std::move(why);
  writes_ = false;
  ++events_;
  write();
}

}  // namespace skimp::tcp
