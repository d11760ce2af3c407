/// How a communicator comes to a link between devices.
#include <numeric>

#include "collectives/communicator.h"
#include "transports/direct_link.h"

namespace skimp {
namespace {

/// Makes the identity on rank 0 and brings it to the others, with a frame to each.
std::vector<std::byte> agree_on_identity(Messenger& messenger, const LinkMaker& maker, int rank,
                                         int world_size) {
  std::vector<std::byte> identity;
  if (rank > 0) {
    identity.resize(small_message_bytes);
    messenger.expect(0, 0, identity);
    identity.resize(messenger.receive(0).payload.size());
    return identity;
  }
  identity = maker.make_identity();
  FrameHeader header;
  header.dtype = static_cast<std::uint8_t>(DType::float32);
  header = messenger.stamp(header, 0, identity);
  for (int peer = 1; peer < world_size; ++peer) messenger.send(peer, header, identity);
  messenger.finish();
  return identity;
}

}  // namespace

void Communicator::link_devices(const LinkMaker& maker) {
  call(text(maker.name, " world_size=", world_size()), false, nullptr, [&](Messenger& messenger) {
    const std::vector<std::byte> identity =
        agree_on_identity(messenger, maker, rank(), world_size());
    link_ = maker.join(identity, rank(), world_size(), messenger.idle_in_round(1));
    link_ranks_.resize(members_.size());
    std::iota(link_ranks_.begin(), link_ranks_.end(), 0);
  });
}

void Communicator::link_devices_by_transport() {
  check_usable();
  link_ = std::make_shared<DirectLink>(*root_->transport, link_channel);
  link_ranks_ = members_;
}

}  // namespace skimp
