#include "transports/faulty/faulty.h"

#include <cstring>
#include <vector>

#include "base/error.h"
#include "device/buffer.h"

namespace skimp {
namespace {

/// Neither done nor failed, ever: what a peer that hangs looks like from inside.
class SilentRequest final : public Request {
 public:
  bool done() override { return false; }
  std::uint64_t received_bytes(std::size_t) const override { return 0; }
};

/// Keeps the damaged copy of a message alive as long as the request that sends it.
class DamagedRequest final : public Request {
 public:
  DamagedRequest(Buffer copy, bool can_withdraw)
      : copy_(std::make_unique<Buffer>(std::move(copy))), can_withdraw_(can_withdraw) {}
  ~DamagedRequest() override {
    inner_.reset();
    // Here we are the owner of whom Transport::can_withdraw speaks.
    if (!done_ && !can_withdraw_) static_cast<void>(copy_.release());
  }
  DamagedRequest(const DamagedRequest&) = delete;
  DamagedRequest& operator=(const DamagedRequest&) = delete;

  void start(std::unique_ptr<Request> inner) { inner_ = std::move(inner); }
  bool done() override { return done_ = inner_->done(); }
  std::uint64_t received_bytes(std::size_t i) const override { return inner_->received_bytes(i); }

 private:
  std::unique_ptr<Buffer> copy_;
  std::unique_ptr<Request> inner_;
  const bool can_withdraw_;
  bool done_ = false;
};

class Faulty final : public Transport {
 public:
  Faulty(std::unique_ptr<Transport> inner, skimp_fault fault, std::uint64_t exchange)
      : inner_(std::move(inner)), fault_(fault), healthy_exchanges_(exchange) {}

  int rank() const override { return inner_->rank(); }
  int world_size() const override { return inner_->world_size(); }
  const char* name() const override { return inner_->name(); }

  std::unique_ptr<Request> exchange(Channel channel, std::span<const Send> sends,
                                    std::span<const Recv> recvs) override {
    if (healthy_exchanges_ > 0) {
      --healthy_exchanges_;
      return inner_->exchange(channel, sends, recvs);
    }
    if (fault_ == SKIMP_FAULT_SILENT) return std::make_unique<SilentRequest>();
    if (over_) return inner_->exchange(channel, sends, recvs);
    if (fault_ == SKIMP_FAULT_ERROR) {
      over_ = true;
      fail(SKIMP_TRANSPORT, name(), ": rank ", rank(), " was told to fail in this exchange");
    }
    if (sends.empty()) return inner_->exchange(channel, sends, recvs);
    over_ = true;
    return exchange_damaged(channel, sends, recvs);
  }

  void progress(TimePoint until) override { inner_->progress(until); }
  bool shared_memory() const override { return inner_->shared_memory(); }
  bool maps_memory() const override { return inner_->maps_memory(); }
  bool can_withdraw() const override { return inner_->can_withdraw(); }
  std::string loss(int peer) const override { return inner_->loss(peer); }
  Channel channels() const override { return inner_->channels(); }

 private:
  std::unique_ptr<Request> exchange_damaged(Channel channel, std::span<const Send> sends,
                                            std::span<const Recv> recvs) {
    std::vector<Send> damaged(sends.begin(), sends.end());
    Send& first = damaged.front();
    Buffer copy(first.bytes);
    std::memcpy(copy.data(), first.data, first.bytes);
    if (fault_ == SKIMP_FAULT_CORRUPT) copy.data()[first.bytes / 2] ^= std::byte{1};
    if (fault_ == SKIMP_FAULT_TRUNCATE) --first.bytes;
    first.data = copy.data();
    if (first.bytes == 0) damaged.erase(damaged.begin());  // Empty messages are not sent.
    auto request = std::make_unique<DamagedRequest>(std::move(copy), can_withdraw());
    request->start(inner_->exchange(channel, damaged, recvs));
    return request;
  }

  const std::unique_ptr<Transport> inner_;
  const skimp_fault fault_;
  std::uint64_t healthy_exchanges_;
  bool over_ = false;  // An error or damage happens once.
};

}  // namespace

std::unique_ptr<Transport> make_faulty(std::unique_ptr<Transport> inner, skimp_fault fault,
                                       std::uint64_t exchange) {
  require(fault >= SKIMP_FAULT_ERROR && fault <= SKIMP_FAULT_TRUNCATE, "fault ",
          static_cast<int>(fault), " is not one of skimp_fault");
  return std::make_unique<Faulty>(std::move(inner), fault, exchange);
}

}  // namespace skimp
