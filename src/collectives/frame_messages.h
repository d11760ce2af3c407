/// \file
/// How frames travel as messages of a transport.
///
/// A frame of at most `small_message_bytes` is one message. A longer one is two, its header and its
/// payload, so that a receiver knows what comes before it makes room: whatever a confused peer
/// sends, it lands in memory that was meant for it. Of a frame whose payload goes from device to
/// device the header alone is a message, of one in an arena the header and the place there.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "codecs/frame.h"
#include "transports/transport.h"

namespace skimp {

/// A frame on its way to a peer.
struct OutgoingFrame {
  int peer;
  FrameHeader header;                ///< of a large frame, while it is on its way
  std::vector<std::byte> message{};  ///< a small frame, header and payload
  std::unique_ptr<Request> request{};

  /// A request that could not be made is not waited for.
  bool has_left() { return request == nullptr || request->done(); }
};

/// Starts sending a sealed frame. Until it has left, `out` stays where it is and the payload lives.
void start_frame(Transport& transport, Channel channel, OutgoingFrame& out, Bytes payload);

/// A place in an arena as bytes, which are sent in place of the payload there.
using PlaceBytes = std::array<std::byte, 16>;
PlaceBytes write_place(std::uint64_t place);
std::uint64_t read_place(int peer, Bytes bytes);

/// Reads and checks the first message of a peer's frame. `payload` becomes that of a small frame,
/// or the bytes of its place in an arena, and is empty for a large one, whose payload is the next
/// message, and for one apart.
FrameHeader read_first_message(int peer, Bytes message, Bytes& payload);

/// Throws CorruptPayload, naming the peer, unless this is the payload that the header tells of, or
/// its sum_of_products.
void check_payload_from(int peer, const FrameHeader& header, Bytes payload);
void check_payload_from(int peer, const FrameHeader& header, std::uint64_t products);

/// For who waits for a peer, and has found nothing from it: throws PeerFailed if nothing can come.
void require_connected(const Transport& transport, int peer, const std::string& call);

}  // namespace skimp
