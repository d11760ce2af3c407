#include "collectives/frame_messages.h"

#include <algorithm>

#include "base/checksum.h"
#include "base/error.h"

namespace skimp {
namespace {

/// Runs `read`; errors in what a peer sent name it.
template <class Read>
auto naming(int peer, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    fail(error.status(), "from rank ", peer, ": ", error.what());
  }
}

}  // namespace

void start_frame(Transport& transport, Channel channel, OutgoingFrame& out, Bytes payload) {
  if ((out.header.flags & apart_flag) != 0) payload = {};
  if (header_bytes + payload.size() <= small_message_bytes) {
    out.message.resize(header_bytes + payload.size());
    store(out.message.data(), out.header);
    std::copy(payload.begin(), payload.end(), out.message.begin() + header_bytes);
    const Send send{out.peer, out.message.data(), out.message.size()};
    out.request = transport.exchange(channel, {&send, 1}, {});
  } else {
    const Send sends[] = {{out.peer, &out.header, header_bytes},
                          {out.peer, payload.data(), payload.size()}};
    out.request = transport.exchange(channel, sends, {});
  }
}

PlaceBytes write_place(std::uint64_t place) {
  PlaceBytes bytes;
  store(bytes.data(), place);
  store(bytes.data() + sizeof place, checksum({bytes.data(), sizeof place}));
  return bytes;
}

std::uint64_t read_place(int peer, Bytes bytes) {
  const auto place = load<std::uint64_t>(bytes.data());
  require_intact(
      load<std::uint64_t>(bytes.data() + sizeof place) == checksum(bytes.first(sizeof place)),
      "from rank ", peer, ": the place of a payload is damaged");
  return place;
}

FrameHeader read_first_message(int peer, Bytes message, Bytes& payload) {
  return naming(peer, [&] {
    const FrameHeader header = read_header(message);
    const bool small =
        has_payload(header) && header.payload_bytes <= small_message_bytes - header_bytes;
    const bool in_arena = (header.flags & arena_flag) != 0;
    const std::uint64_t expected = header_bytes + (in_arena ? sizeof(PlaceBytes)
                                                   : small  ? header.payload_bytes
                                                            : 0);
    require_intact(message.size() == expected, "frame: a message of ", message.size(),
                   " bytes, its header tells of ", expected);
    payload = message.subspan(header_bytes);
    if (small) check_payload(header, payload);
    return header;
  });
}

void check_payload_from(int peer, const FrameHeader& header, Bytes payload) {
  naming(peer, [&] { check_payload(header, payload); });
}

void check_payload_from(int peer, const FrameHeader& header, std::uint64_t products) {
  naming(peer, [&] { check_payload(header, products); });
}

void require_connected(const Transport& transport, int peer, const std::string& call) {
  const std::string loss = transport.loss(peer);
  if (!loss.empty()) fail(SKIMP_PEER_FAILED, "rank ", peer, " has gone: ", loss, " (", call, ")");
}

}  // namespace skimp
