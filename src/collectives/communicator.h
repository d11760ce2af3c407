/// \file
/// One rank's membership in a world: its transport, the number of its calls, and whether an earlier
/// one failed. Used by one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collectives/call.h"
#include "collectives/mailbox.h"
#include "collectives/messenger.h"

namespace skimp {

/// How ranks come to a link between their devices: one makes an identity, which all join with.
struct LinkMaker {
  std::string name;
  std::function<std::vector<std::byte>()> make_identity;
  std::function<std::unique_ptr<DeviceLink>(Bytes identity, int rank, int world_size,
                                            const DeviceLink::Idle&)>
      join;
};

class Communicator {
 public:
  explicit Communicator(std::unique_ptr<Transport> transport);
  ~Communicator();

  int rank() const { return transport_->rank(); }
  int world_size() const { return transport_->world_size(); }
  const char* transport_name() const { return link_ ? link_->name() : root_->transport->name(); }
  World world() const {
    return {.rank = rank(),
            .size = world_size(),
            .shared_memory = transport_->shared_memory(),
            .segment = segment_,
            .team = team_.get(),
            .nodes = nodes_,
            .link = link_.get()};
  }

  void set_timeout(double seconds);

  /// How large calls are cut, for plans made afterwards: into segments of so many elements (0: not
  /// at all), of which at most `window` are on their way to one peer. Equal on all ranks.
  void set_pipeline(std::uint64_t segment, int window);

  /// Threads for codecs, for plans made afterwards.
  void set_threads(int threads);

  /// The node of each rank, any numbers, for plans made afterwards; equal on all ranks.
  void set_nodes(std::vector<int> nodes);

  /// Collective: from now on payloads of arrays on devices go by a link.
  void link_devices(const LinkMaker& maker);

  /// The same by the transport itself, which takes addresses on devices. Equal on all ranks.
  void link_devices_by_transport();

  /// The payloads of one call, by the link.
  LinkQueue link_queue(const DeviceStream& stream) const { return {*link_, link_ranks_, stream}; }
  void abort_link() noexcept { link_->abort(); }

  /// Collective; null for a rank with a negative color.
  std::unique_ptr<Communicator> split(int color, int key);

  /// Collective: ranks leave it once all have come.
  void barrier();

  /// From now on calls fail as closed. With a reason, the peers are told.
  void close(const std::optional<std::string>& reason);

  /// The number of the call that is under way, or else of the next.
  std::uint64_t sequence() const { return sequence_; }

  const std::shared_ptr<Team>& team() const { return team_; }

  /// Runs `body` as the next call. All ranks must call with the same text; it is compared when
  /// `fresh` is set or the text is new here, later only its fingerprint. An error ends the
  /// communicator: the peers are told, and every later call raises it again at once. `owner` owns
  /// the memory that body's messages use, and is kept if they cannot be withdrawn.
  void call(const std::string& text, bool fresh, const std::shared_ptr<void>& owner,
            const std::function<void(Messenger&)>& body);

  /// Runs `body`, in which this rank sends a frame to another or receives one from it. That is none
  /// of the numbered calls, so other ranks need not know of it. Errors are those of a call.
  void mail(const std::string& text, const std::shared_ptr<void>& owner,
            const std::function<void(Mailbox&)>& body);

  /// Replaces the transport by one that wraps it; for tests. Not after a split.
  void wrap(const std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>)>& wrapper);

 private:
  /// Of every communicator: one for calls, one for frames between two ranks.
  static constexpr Channel own_channels = 2;

  /// Of all that share a transport, for payloads between devices.
  static constexpr Channel link_channel = own_channels;

  /// What a communicator and its parts share: the transport, and which of its channels are taken.
  struct Root {
    std::unique_ptr<Transport> transport;
    Channel next_channel = link_channel + 1;
  };

  Communicator(std::shared_ptr<Root> root, std::vector<int> members, Channel channel);
  void check_usable() const;
  void make_messengers();
  void run_or_end(const std::string& text, const std::shared_ptr<void>& owner,
                  const std::function<void()>& body);
  void end(const Error& cause, const std::shared_ptr<void>& owner);

  std::shared_ptr<Root> root_;
  std::unique_ptr<Transport> group_;  ///< a part of the root's ranks; null for the root itself
  Transport* transport_;
  std::vector<int> members_;  ///< as ranks of the root
  std::unique_ptr<Messenger> messenger_;
  std::unique_ptr<Mailbox> mailbox_;
  double timeout_seconds_ = 300;
  std::uint64_t segment_ = default_segment;
  std::shared_ptr<Team> team_;        ///< null: one thread
  std::vector<int> nodes_;            ///< of each rank; empty: not known
  std::shared_ptr<DeviceLink> link_;  ///< shared with parts; null: there is none
  std::vector<int> link_ranks_;       ///< the ranks as it knows them
  std::uint64_t sequence_ = 0;
  std::optional<Error> failure_;
  std::vector<std::shared_ptr<void>> kept_;  ///< memory of messages that cannot be withdrawn
};

}  // namespace skimp
