#include "transports/nccl/nccl.h"

#include <cstring>

#include "base/error.h"
#include "device/library.h"
#include "transports/nccl/functions.h"

namespace skimp {
namespace {

using nccl::Communicator;
using nccl::Functions;
using nccl::Result;

/// Calls `body` while a device is this thread's current one, as NCCL asks where a rank joins.
template <class Body>
void call_on(int device, Body body) {
  SKIMP_ON_DEVICE(
      skimp_cuda_call_on, device, [](void* context) { (*static_cast<Body*>(context))(); }, &body);
}

class NcclLink final : public DeviceLink {
 public:
  NcclLink(const Functions& functions, int rank, int device)
      : nccl_(functions), rank_(rank), device_(device) {}
  NcclLink(const NcclLink&) = delete;
  NcclLink& operator=(const NcclLink&) = delete;

  /// Whoever fails has aborted. Who has not is done, so this frees what is here.
  ~NcclLink() override {
    if (communicator_ != nullptr) static_cast<void>(nccl_.destroy(communicator_));
  }

  /// Not in the constructor: when this throws, what had started is aborted.
  void join(Bytes identity, int world_size, const Idle& idle) {
    nccl::UniqueId id;
    require(identity.size() == sizeof id, "nccl: an identity of ", identity.size(),
            " bytes, NCCL's have ", sizeof id);
    std::memcpy(&id, identity.data(), sizeof id);
    nccl::Config config;
    const auto init = [&] { return nccl_.init(&communicator_, world_size, id, rank_, &config); };
    end_if_it_throws([&] {
      Result result = nccl::success;
      call_on(device_, [&] { result = init(); });
      finish("ncclCommInitRankConfig", result, idle);
    });
  }

  const char* name() const override { return "nccl"; }
  bool takes(int device) const override { return device == device_; }

  void exchange(std::span<const Send> sends, std::span<const Recv> recvs,
                const DeviceStream& stream, const Idle& idle) override {
    require_open();
    end_if_it_throws([&] {
      check(nccl_.group_start(), "ncclGroupStart");
      for (const Send& send : sends) {
        check(nccl_.send(send.data, send.bytes, nccl::bytes_type, send.peer, communicator_,
                         stream.stream),
              "ncclSend");
      }
      for (const Recv& recv : recvs) {
        check(nccl_.recv(recv.data, recv.capacity, nccl::bytes_type, recv.peer, communicator_,
                         stream.stream),
              "ncclRecv");
      }
      finish("ncclGroupEnd", nccl_.group_end(), idle);
    });
  }

  void check() override {
    require_open();
    Result state = nccl::success;
    check(nccl_.get_async_error(communicator_, &state), "ncclCommGetAsyncError");
    check(state, "a transfer");
  }

  void abort() noexcept override {
    if (communicator_ == nullptr) return;
    static_cast<void>(nccl_.abort(communicator_));
    communicator_ = nullptr;
  }

 private:
  template <class Body>
  void end_if_it_throws(const Body& body) {
    try {
      body();
    } catch (...) {
      abort();
      throw;
    }
  }

  void require_open() const {
    if (communicator_ != nullptr) return;
    fail(SKIMP_TRANSPORT, "nccl: the link was ended when an earlier call on it failed");
  }

  void check(Result result, const char* what) const {
    if (result == nccl::success || result == nccl::in_progress) return;
    const char* detail = nccl_.get_last_error(communicator_);
    fail(SKIMP_TRANSPORT, "NCCL: rank ", rank_, ": ", what, ": ", nccl_.get_error_string(result),
         detail == nullptr || *detail == '\0' ? "" : ": ", detail == nullptr ? "" : detail);
  }

  /// Waits until what a call began has taken shape: peers connected, kernels in the stream.
  void finish(const char* what, Result result, const Idle& idle) {
    check(result, what);
    while (result == nccl::in_progress) {
      idle();
      check(nccl_.get_async_error(communicator_, &result), "ncclCommGetAsyncError");
      check(result, what);
    }
  }

  const Functions& nccl_;
  const int rank_;
  const int device_;
  Communicator* communicator_ = nullptr;
};

}  // namespace

std::vector<std::byte> make_nccl_identity(const char* library) {
  const Functions& nccl = nccl::find_functions(library);
  nccl::UniqueId id;
  const Result result = nccl.get_unique_id(&id);
  if (result != nccl::success) {
    fail(SKIMP_TRANSPORT, "NCCL: ncclGetUniqueId: ", nccl.get_error_string(result));
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(&id);
  return {bytes, bytes + sizeof id};
}

std::unique_ptr<DeviceLink> make_nccl(const char* library, Bytes identity, int rank, int world_size,
                                      int device, const DeviceLink::Idle& idle) {
  auto link = std::make_unique<NcclLink>(nccl::find_functions(library), rank, device);
  link->join(identity, world_size, idle);
  return link;
}

std::string describe_nccl(const char* library) {
  int version = 0;
  static_cast<void>(nccl::find_functions(library).get_version(&version));
  // 2.28.9 is 22809.
  return text(version / 10000, '.', version / 100 % 100, '.', version % 100);
}

}  // namespace skimp
