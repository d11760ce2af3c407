/// What a Messenger does where ranks map one another's memory: payloads that were written to an
/// arena are read there.
#include <algorithm>
#include <atomic>

#include "collectives/messenger.h"

namespace skimp {

/// All ranks come here in the same call, and tell each other where their arenas are. One that has
/// none, or cannot reach another's, leaves it to the transport.
void Messenger::open_arenas(const std::vector<int>& nodes) {
  const auto is_near = [&](int peer) {
    return !nodes.empty() &&
           nodes[static_cast<std::size_t>(peer)] == nodes[static_cast<std::size_t>(rank())];
  };
  int near = 0;
  for (int peer = 0; peer < world_size(); ++peer) near += is_near(peer);
  Arenas& arenas = arenas_.emplace(rank(), world_size(), near > 1 ? arena_bytes_ : 0);
  using Address = SharedMemory::Address;
  const auto bytes = [](Address& address) {
    return MutableBytes(reinterpret_cast<std::byte*>(&address), sizeof(Address));
  };
  Address own = arenas.address();
  std::vector<Address> addresses(peers_.size());
  const auto tell_all = [&](Bytes told, auto&& room_for, auto&& hear) {
    FrameHeader header;
    header.dtype = static_cast<std::uint8_t>(DType::float32);
    header = stamp(header, 0, told);
    for (int peer = 0; peer < world_size(); ++peer) {
      if (peer == rank()) continue;
      expect(peer, 0, room_for(addresses[static_cast<std::size_t>(peer)]));
      start(peer, header, told);
    }
    for (int peer = 0; peer < world_size(); ++peer) {
      if (peer == rank()) continue;
      const std::uint64_t heard = receive(peer).payload.size();
      require_intact(heard == told.size(), "from rank ", peer, ": ", heard,
                     " bytes about its arena, ", told.size(), " were due");
      hear(peer, addresses[static_cast<std::size_t>(peer)]);
    }
    finish();
  };
  tell_all(bytes(own), bytes, [&](int peer, const Address& address) {
    if (is_near(peer)) arenas.open(peer, address);
  });
  // That they have.
  tell_all({}, [](Address&) { return MutableBytes(); }, [](int, const Address&) {});
  arenas.close();
}

MutableBytes Messenger::lend(std::uint64_t bytes, std::span<const int> readers) {
  if (!arenas_ || header_bytes + bytes <= small_message_bytes) return {};
  return arenas_->lend(bytes, readers);
}

void Messenger::take_from_arena(int peer, Incoming& incoming, std::uint64_t place) {
  require_intact(arenas_.has_value(), "from rank ", peer, ": a payload in an arena, there is none");
  // The message that told of it came after what was written before.
  std::atomic_thread_fence(std::memory_order_acquire);
  const Bytes payload = arenas_->at(peer, place, incoming.header.payload_bytes);
  if (incoming.check != Check::by_reader) check_payload_from(peer, incoming.header, payload);
  if (incoming.check == Check::here) {
    std::copy(payload.begin(), payload.end(), incoming.room.begin());
    arenas_->release(peer, payload);
  } else {
    incoming.payload = payload;
  }
}

void Messenger::release(int peer, const Frame& frame) {
  if (arenas_) arenas_->release(peer, frame.payload);
}

}  // namespace skimp
