#include "transports/group.h"

#include <algorithm>

#include "base/error.h"
#include "transports/check.h"

namespace skimp {
namespace {

class Group final : public Transport {
 public:
  Group(Transport& parent, std::vector<int> members, int rank, Channel first_channel,
        Channel channels)
      : parent_(parent),
        members_(std::move(members)),
        rank_(rank),
        first_channel_(first_channel),
        channels_(channels) {}

  int rank() const override { return rank_; }
  int world_size() const override { return static_cast<int>(members_.size()); }
  const char* name() const override { return parent_.name(); }

  std::unique_ptr<Request> exchange(Channel channel, std::span<const Send> sends,
                                    std::span<const Recv> recvs) override {
    check_exchange(*this, channel, sends, recvs);
    std::vector<Send> parent_sends(sends.begin(), sends.end());
    std::vector<Recv> parent_recvs(recvs.begin(), recvs.end());
    for (Send& send : parent_sends) send.peer = parent_rank(send.peer);
    for (Recv& recv : parent_recvs) recv.peer = parent_rank(recv.peer);
    return parent_.exchange(first_channel_ + channel, parent_sends, parent_recvs);
  }

  void progress(TimePoint until) override { parent_.progress(until); }
  bool shared_memory() const override { return parent_.shared_memory(); }
  bool maps_memory() const override { return parent_.maps_memory(); }
  bool can_withdraw() const override { return parent_.can_withdraw(); }
  std::string loss(int peer) const override { return parent_.loss(parent_rank(peer)); }
  Channel channels() const override { return channels_; }

 private:
  int parent_rank(int member) const { return members_[static_cast<std::size_t>(member)]; }

  Transport& parent_;
  const std::vector<int> members_;
  const int rank_;
  const Channel first_channel_;
  const Channel channels_;
};

}  // namespace

std::unique_ptr<Transport> make_group(Transport& parent, std::vector<int> members,
                                      Channel first_channel, Channel channels) {
  std::vector<int> sorted = members;
  std::sort(sorted.begin(), sorted.end());
  require(!sorted.empty() && sorted.front() >= 0 && sorted.back() < parent.world_size(),
          "group: members must be ranks 0 to ", parent.world_size() - 1);
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  require(twice == sorted.end(), "group: rank ", twice == sorted.end() ? -1 : *twice,
          " is a member twice");
  const auto self = std::find(members.begin(), members.end(), parent.rank());
  require(self != members.end(), "group: rank ", parent.rank(), " is not one of the members");
  require(first_channel >= 0 && channels >= 1 && channels <= parent.channels() - first_channel,
          "group: ", channels, " channels from ", first_channel, " on are not among the parent's ",
          parent.channels());
  const auto rank = static_cast<int>(self - members.begin());
  return std::make_unique<Group>(parent, std::move(members), rank, first_channel, channels);
}

}  // namespace skimp
