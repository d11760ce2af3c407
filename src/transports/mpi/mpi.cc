#include "transports/mpi/mpi.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <mutex>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "transports/check.h"
#include "transports/mpi/backoff.h"

namespace skimp {
namespace {

/// MPI counts in int. Longer messages go in pieces of this size and a rest, in order, with the same
/// tag; the receiver knows the exact size and posts the same pieces.
constexpr std::uint64_t piece_bytes = std::uint64_t{1} << 30;

/// The calls of an MPI, and their context, which it destroys.
class Mpi {
 public:
  explicit Mpi(const skimp_mpi_table& table) : table_(table) {}
  ~Mpi() { table_.destroy(table_.context); }
  Mpi(const Mpi&) = delete;
  Mpi& operator=(const Mpi&) = delete;

  const skimp_mpi_table* operator->() const { return &table_; }
  void* context() const { return table_.context; }

  std::string explain(int code) const {
    char message[1024] = "";
    table_.explain(table_.context, code, message, sizeof message);
    return text(message, " (code ", code, ")");
  }

 private:
  const skimp_mpi_table table_;
};

/// Memory for the requests of one group, at addresses that never change.
class Slots {
 public:
  Slots(std::size_t count, std::size_t slot_bytes)
      : count_(count),
        stride_(divide_up(slot_bytes, sizeof(std::max_align_t))),
        memory_(std::make_unique<std::max_align_t[]>(count * stride_)) {}
  std::size_t count() const { return count_; }
  void* operator[](std::size_t i) const { return &memory_[i * stride_]; }

 private:
  std::size_t count_;
  std::size_t stride_;
  std::unique_ptr<std::max_align_t[]> memory_;
};

/// Keeps the slots of sends that did not end, for ever: MPI cannot take a send back.
void bury(Slots slots) {
  static std::mutex mutex;
  static auto& graveyard = *new std::vector<Slots>;  // Survives the end of main.
  const std::lock_guard lock(mutex);
  graveyard.push_back(std::move(slots));
}

class MpiRequest;
using Active = std::vector<MpiRequest*>;

class MpiRequest final : public Request {
 public:
  MpiRequest(const Mpi& mpi, Active& active, std::span<const Send> sends,
             std::span<const Recv> recvs)
      : mpi_(mpi), active_(active), slots_(count_pieces(sends, recvs), mpi->request_bytes) {
    received_.assign(recvs.size(), 0);
    pieces_.reserve(slots_.count());
    active_.push_back(this);
  }
  MpiRequest(const MpiRequest&) = delete;
  MpiRequest& operator=(const MpiRequest&) = delete;

  ~MpiRequest() override {
    std::erase(active_, this);
    bool sending = false;
    for (const Piece& piece : pieces_) {
      if (piece.is_receive()) {
        mpi_->cancel(mpi_.context(), piece.slot);
      } else {
        sending = true;
      }
    }
    if (sending) bury(std::move(slots_));
  }

  /// Not in the constructor: when this throws, the destructor withdraws what had started. Receives
  /// first, so that what a peer ahead of us has sent finds its place.
  void start(Channel channel, std::span<const Send> sends, std::span<const Recv> recvs) {
    for (std::size_t i = 0; i < recvs.size(); ++i) {
      start(mpi_->irecv, channel, recvs[i].peer, static_cast<std::byte*>(recvs[i].data),
            recvs[i].capacity, i);
    }
    for (const Send& send : sends) {
      start(mpi_->isend, channel, send.peer, static_cast<const std::byte*>(send.data), send.bytes,
            Piece::not_a_receive);
    }
  }

  /// Tests what is unfinished; true if any of it has ended.
  bool advance() {
    return std::erase_if(pieces_, [&](const Piece& piece) { return has_ended(piece); }) != 0;
  }

  bool done() override {
    advance();
    if (error_) throw *error_;
    return pieces_.empty();
  }

  std::uint64_t received_bytes(std::size_t i) const override { return received_[i]; }

 private:
  struct Piece {
    static constexpr std::size_t not_a_receive = ~std::size_t{0};
    bool is_receive() const { return receive != not_a_receive; }

    void* slot;
    int peer;
    int bytes;
    std::size_t receive;  ///< the receive of the group that it belongs to
  };

  static std::size_t count_pieces(std::span<const Send> sends, std::span<const Recv> recvs) {
    std::size_t count = 0;
    for (const Send& send : sends) count += divide_up(send.bytes, piece_bytes);
    for (const Recv& recv : recvs) count += divide_up(recv.capacity, piece_bytes);
    return count;
  }

  template <class Call, class Byte>
  void start(Call call, Channel channel, int peer, Byte* data, std::uint64_t bytes,
             std::size_t receive) {
    for (std::uint64_t offset = 0; offset < bytes; offset += piece_bytes) {
      const auto length = static_cast<int>(std::min(piece_bytes, bytes - offset));
      const Piece piece{slots_[started_], peer, length, receive};
      const int code = call(mpi_.context(), data + offset, length, peer, channel, piece.slot);
      if (code != 0) throw failure(piece, code);
      ++started_;
      pieces_.push_back(piece);
    }
  }

  bool has_ended(const Piece& piece) {
    int done = 0;
    int bytes = 0;
    const int code = mpi_->test(mpi_.context(), piece.slot, &done, &bytes);
    if (code != 0) {
      if (!error_) error_ = failure(piece, code);
      return true;
    }
    if (done == 0) return false;
    if (!piece.is_receive()) return true;
    if (bytes >= 0) {
      received_[piece.receive] += static_cast<std::uint64_t>(bytes);
    } else if (!error_) {
      error_.emplace(SKIMP_CORRUPT_PAYLOAD,
                     text("rank ", mpi_->rank, " got a message from rank ", piece.peer,
                          " that is longer than the ", piece.bytes, " bytes expected"));
    }
    return true;
  }

  Error failure(const Piece& piece, int code) const {
    return Error(SKIMP_TRANSPORT,
                 text("MPI: rank ", mpi_->rank, piece.is_receive() ? " receiving " : " sending ",
                      piece.bytes, piece.is_receive() ? " bytes from rank " : " bytes to rank ",
                      piece.peer, ": ", mpi_.explain(code)));
  }

  const Mpi& mpi_;
  Active& active_;
  Slots slots_;
  std::size_t started_ = 0;
  std::vector<Piece> pieces_;  // The unfinished ones.
  std::vector<std::uint64_t> received_;
  std::optional<Error> error_;
};

class MpiTransport final : public Transport {
 public:
  explicit MpiTransport(const skimp_mpi_table& table) : mpi_(table) {}

  int rank() const override { return mpi_->rank; }
  int world_size() const override { return mpi_->world_size; }
  const char* name() const override { return "mpi"; }

  std::unique_ptr<Request> exchange(Channel channel, std::span<const Send> sends,
                                    std::span<const Recv> recvs) override {
    check_exchange(*this, channel, sends, recvs);
    auto request = std::make_unique<MpiRequest>(mpi_, active_, sends, recvs);
    request->start(channel, sends, recvs);
    return request;
  }

  void progress(TimePoint until) override {
    Backoff backoff(until);
    do {
      bool changed = false;
      for (MpiRequest* request : active_) changed |= request->advance();
      if (changed) return;
    } while (backoff.wait());
  }

  bool shared_memory() const override { return mpi_->shared_memory != 0; }
  bool maps_memory() const override { return true; }
  bool can_withdraw() const override { return false; }
  Channel channels() const override { return std::min(mpi_->tag_limit, max_tag) + 1; }

 private:
  static constexpr int max_tag = std::numeric_limits<Channel>::max() - 1;

  const Mpi mpi_;
  Active active_;  // Every request that exists.
};

}  // namespace

std::unique_ptr<Transport> make_mpi(const skimp_mpi_table& table) {
  require(table.table_bytes >= sizeof table, "mpi: the table has ", table.table_bytes,
          " bytes, this library reads ", sizeof table);
  auto transport = std::make_unique<MpiTransport>(table);
  require(table.world_size >= 1 && table.rank >= 0 && table.rank < table.world_size, "mpi: rank ",
          table.rank, " of ", table.world_size, " is not a rank");
  require(table.tag_limit >= 0, "mpi: tag_limit = ", table.tag_limit, " is negative");
  require(table.request_bytes > 0, "mpi: request_bytes is 0");
  return transport;
}

}  // namespace skimp
