#include "collectives/device_queue.h"

#include <utility>

#include "device/library.h"

namespace skimp {
namespace {

/// Kernels between two waits; more wait on their own.
constexpr std::size_t most_words = 256;

}  // namespace

DeviceQueue::DeviceQueue(int device)
    : stream_{device},
      words_(most_words * sizeof(DeviceStatus), device),
      seen_(most_words * sizeof(DeviceStatus), device) {}

void DeviceQueue::begin(void* stream) {
  stream_.stream = stream;
  claims_.clear();
  open_headers_ = 0;
  findings_ = {};
  clear(words_.data(), words_.bytes());
}

void DeviceQueue::copy(void* to, const void* from, std::uint64_t bytes) {
  if (bytes > 0) SKIMP_ON_DEVICE(skimp_cuda_copy, stream_, to, from, bytes);
}

void DeviceQueue::clear(void* memory, std::uint64_t bytes) {
  if (bytes > 0) SKIMP_ON_DEVICE(skimp_cuda_clear, stream_, memory, bytes);
}

DeviceStatus* DeviceQueue::claim(const Claim& claim) {
  if (claims_.size() == most_words) read_words();
  claims_.push_back(claim);
  open_headers_ += claim.header != nullptr;
  return reinterpret_cast<DeviceStatus*>(words_.data()) + claims_.size() - 1;
}

DeviceQueue::Findings DeviceQueue::settle() {
  read_words();
  return std::exchange(findings_, {});
}

void DeviceQueue::read_words() {
  const std::uint64_t bytes = claims_.size() * sizeof(DeviceStatus);
  copy(seen_.data(), words_.data(), bytes);
  SKIMP_ON_DEVICE(skimp_cuda_wait, stream_);
  clear(words_.data(), bytes);
  open_headers_ = 0;
  const std::vector<Claim> claims = std::exchange(claims_, {});
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const auto [header, codec, sender] = claims[i];
    const DeviceStatus word = seen_.as<DeviceStatus>()[i];
    const bool nonfinite = (word & nonfinite_status) != 0;
    findings_.nonfinite |= nonfinite;
    findings_.guess_hits += (word & hit_status) != 0;
    findings_.guess_misses += (word & missed_status) != 0;
    if (header != nullptr && nonfinite) header->flags |= nonfinite_flag;
    if (codec != nullptr) {
      require_intact_status(text("from rank ", sender, ": ", codec->text()), word);
    }
  }
}

void DeviceQueue::drain() noexcept {
  try {
    static_cast<void>(device_function_of<decltype(&skimp_cuda_wait)>("skimp_cuda_wait")(stream_));
  } catch (...) {
    // Without its library there is nothing to wait for.
  }
}

}  // namespace skimp
