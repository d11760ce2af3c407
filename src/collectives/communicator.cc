#include "collectives/communicator.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>
#include <tuple>
#include <utility>

#include "base/checksum.h"
#include "transports/group.h"

namespace skimp {
namespace {

/// What ranks tell each other in a split.
struct Ticket {
  std::int32_t color;
  std::int32_t key;
  std::int32_t next_channel;
};

constexpr int most_threads = 1024;

/// What SKIMP_THREADS says, or 1.
int threads_asked_for() {
  const char* text = std::getenv("SKIMP_THREADS");
  if (text == nullptr || *text == '\0') return 1;
  int threads = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, threads);
  require(error == std::errc() && rest == end && threads >= 1 && threads <= most_threads,
          "SKIMP_THREADS = '", text, "' is not a number from 1 to ", most_threads);
  return threads;
}

std::uint64_t fingerprint_of(const std::string& text) {
  return checksum({reinterpret_cast<const std::byte*>(text.data()), text.size()});
}

std::vector<int> all_ranks(const Transport& transport) {
  std::vector<int> ranks(static_cast<std::size_t>(transport.world_size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

/// Every rank's ticket, by rank.
std::vector<Ticket> exchange_tickets(Messenger& messenger, const Ticket& mine, int rank,
                                     int world_size) {
  std::vector<Ticket> tickets(static_cast<std::size_t>(world_size), mine);
  const auto bytes = [](Ticket& ticket) {
    return MutableBytes(reinterpret_cast<std::byte*>(&ticket), sizeof(Ticket));
  };
  Ticket outgoing = mine;
  FrameHeader header;
  header.dtype = static_cast<std::uint8_t>(DType::float32);
  header = messenger.stamp(header, 0, bytes(outgoing));
  for (int peer = 0; peer < world_size; ++peer) {
    if (peer == rank) continue;
    messenger.expect(peer, 0, bytes(tickets[static_cast<std::size_t>(peer)]));
    messenger.send(peer, header, bytes(outgoing));
  }
  for (int peer = 0; peer < world_size; ++peer) {
    if (peer == rank) continue;
    const Frame frame = messenger.receive(peer);
    require_intact(frame.payload.size() == sizeof(Ticket), "split: a ticket of ",
                   frame.payload.size(), " bytes from rank ", peer);
  }
  return tickets;
}

}  // namespace

Communicator::Communicator(std::unique_ptr<Transport> transport) : root_(std::make_shared<Root>()) {
  root_->transport = std::move(transport);
  transport_ = root_->transport.get();
  members_ = all_ranks(*transport_);
  make_messengers();
  if (transport_->shared_memory()) nodes_.assign(members_.size(), 0);
  set_threads(threads_asked_for());
}

Communicator::Communicator(std::shared_ptr<Root> root, std::vector<int> members, Channel channel)
    : root_(std::move(root)), members_(std::move(members)) {
  group_ = make_group(*root_->transport, members_, channel, own_channels);
  transport_ = group_.get();
  make_messengers();
}

void Communicator::make_messengers() {
  messenger_ = std::make_unique<Messenger>(*transport_, 0);
  mailbox_ = std::make_unique<Mailbox>(*transport_, 1, *messenger_);
}

Communicator::~Communicator() {
  if (!failure_ || !messenger_ || transport_->can_withdraw()) return;
  if (!messenger_->busy() && !mailbox_->busy()) return;
  // The network may still read and write this memory: it is never freed.
  new std::vector<std::shared_ptr<void>>(std::move(kept_));
  new std::tuple(std::move(root_), std::move(group_));
  static_cast<void>(messenger_.release());
  static_cast<void>(mailbox_.release());
}

void Communicator::set_timeout(double seconds) {
  require(std::isfinite(seconds) && seconds > 0, "timeout: ", seconds,
          " s must be a positive, finite number of seconds");
  timeout_seconds_ = seconds;
}

void Communicator::set_pipeline(std::uint64_t segment, int window) {
  check_usable();
  require(window >= 1, "pipeline: window = ", window, " must be at least 1");
  segment_ = segment;
  messenger_->set_window(window);
}

void Communicator::set_threads(int threads) {
  check_usable();
  require(threads >= 1 && threads <= most_threads, "threads = ", threads, " is not from 1 to ",
          most_threads);
  team_ = threads == 1 ? nullptr : std::make_shared<Team>(threads);
}

void Communicator::set_nodes(std::vector<int> nodes) {
  check_usable();
  require(nodes.size() == members_.size(), "nodes: ", nodes.size(), " are named for ",
          members_.size(), " ranks");
  nodes_ = std::move(nodes);
}

void Communicator::check_usable() const {
  if (failure_) throw *failure_;
}

void Communicator::call(const std::string& text, bool fresh, const std::shared_ptr<void>& owner,
                        const std::function<void(Messenger&)>& body) {
  run_or_end(text, owner, [&] {
    messenger_->begin({fingerprint_of(text), sequence_, text}, timeout_seconds_);
    if (world_size() > 1 && (fresh || !messenger_->has_agreed())) messenger_->agree(nodes_);
    body(*messenger_);
    messenger_->finish();
    ++sequence_;
  });
}

void Communicator::mail(const std::string& text, const std::shared_ptr<void>& owner,
                        const std::function<void(Mailbox&)>& body) {
  run_or_end(text, owner, [&] {
    mailbox_->begin(text, timeout_seconds_);
    body(*mailbox_);
  });
}

void Communicator::run_or_end(const std::string& text, const std::shared_ptr<void>& owner,
                              const std::function<void()>& body) {
  check_usable();
  try {
    body();
  } catch (const Error& error) {
    end(error, owner);
    throw;
  } catch (const std::bad_alloc&) {
    const Error error(SKIMP_OUT_OF_MEMORY, "out of memory in: " + text);
    end(error, owner);
    throw error;
  } catch (const std::exception& error) {
    end(Error(SKIMP_INTERNAL, error.what()), owner);
    throw;
  }
}

void Communicator::end(const Error& cause, const std::shared_ptr<void>& owner) {
  messenger_->abandon(cause);
  failure_ = Error(cause.status(),
                   skimp::text("an earlier call on this communicator failed: ", cause.what()));
  if (transport_->can_withdraw()) {
    mailbox_.reset();
    messenger_.reset();
  } else {
    kept_.push_back(owner);
    messenger_->leave_arenas();
  }
}

void Communicator::barrier() {
  call(text("barrier world_size=", world_size()), true, nullptr, [](Messenger&) {});
}

void Communicator::close(const std::optional<std::string>& reason) {
  if (failure_) return;
  const Error closed(SKIMP_CLOSED, "the communicator is closed");
  if (reason) {
    messenger_->begin({0, sequence_, "close"}, timeout_seconds_);
    end(Error(SKIMP_CLOSED, *reason), nullptr);
  } else {
    mailbox_.reset();
    messenger_.reset();
  }
  failure_ = closed;
}

std::unique_ptr<Communicator> Communicator::split(int color, int key) {
  std::unique_ptr<Communicator> part;
  call(text("split world_size=", world_size()), false, nullptr, [&](Messenger& messenger) {
    const auto tickets =
        exchange_tickets(messenger, {color, key, root_->next_channel}, rank(), world_size());
    if (color < 0) return;
    std::vector<int> ranks;
    Channel channel = root_->next_channel;
    for (int peer = 0; peer < world_size(); ++peer) {
      const Ticket& ticket = tickets[static_cast<std::size_t>(peer)];
      if (ticket.color != color) continue;
      ranks.push_back(peer);
      channel = std::max(channel, Channel{ticket.next_channel});
    }
    std::stable_sort(ranks.begin(), ranks.end(), [&](int a, int b) {
      return tickets[static_cast<std::size_t>(a)].key < tickets[static_cast<std::size_t>(b)].key;
    });
    require(channel + own_channels <= root_->transport->channels(), "split: all ",
            root_->transport->channels(), " channels of the transport are taken");
    // The same channels may carry several parts that have no rank in common.
    root_->next_channel = channel + own_channels;
    std::vector<int> nodes, link_ranks;
    for (int& member : ranks) {
      const auto place = static_cast<std::size_t>(member);
      if (!nodes_.empty()) nodes.push_back(nodes_[place]);
      if (link_) link_ranks.push_back(link_ranks_[place]);
      member = members_[place];
    }
    part.reset(new Communicator(root_, std::move(ranks), channel));
    part->nodes_ = std::move(nodes);
    part->link_ = link_;
    part->link_ranks_ = std::move(link_ranks);
    part->timeout_seconds_ = timeout_seconds_;
    part->set_pipeline(segment_, messenger.window());
    part->team_ = team_;
  });
  return part;
}

void Communicator::wrap(
    const std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>)>& wrapper) {
  require(root_.use_count() == 1 && !group_, "faults: inject them before the first split");
  check_usable();
  root_->transport = wrapper(std::move(root_->transport));
  transport_ = root_->transport.get();
  messenger_->change_transport(*transport_);
  mailbox_->change_transport(*transport_);
}

}  // namespace skimp
