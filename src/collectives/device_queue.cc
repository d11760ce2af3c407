#include "collectives/device_queue.h"

#include <algorithm>
#include <utility>

#include "base/checksum.h"
#include "device/library.h"

namespace skimp {
namespace {

/// Kernels between two waits; more wait on their own.
constexpr std::size_t most_words = 256;

}  // namespace

DeviceQueue::DeviceQueue(PayloadPlace place)
    : stream_{place.device},
      keeps_payloads_(place.stays),
      words_(most_words * sizeof(DeviceStatus), place.device),
      sums_(keeps_payloads_ ? most_words * sizeof(std::uint64_t) : 0, place.device),
      seen_(words_.bytes(), place.device),
      seen_sums_(sums_.bytes(), place.device) {}

void DeviceQueue::begin(void* stream, Wait wait) {
  stream_.stream = stream;
  wait_ = std::move(wait);
  claims_.clear();
  open_headers_ = 0;
  findings_ = {};
  used_words_ = most_words;
}

void DeviceQueue::copy(void* to, const void* from, std::uint64_t bytes) {
  if (bytes > 0) SKIMP_ON_DEVICE(skimp_cuda_copy, stream_, to, from, bytes);
}

void DeviceQueue::clear(void* memory, std::uint64_t bytes) {
  if (bytes > 0) SKIMP_ON_DEVICE(skimp_cuda_clear, stream_, memory, bytes);
}

DeviceStatus* DeviceQueue::claim(const Claim& claim) {
  if (claims_.size() == most_words) read_words();
  clear_words();
  claims_.push_back(claim);
  open_headers_ += claim.header != nullptr;
  return reinterpret_cast<DeviceStatus*>(words_.data()) + claims_.size() - 1;
}

void DeviceQueue::sum(FrameHeader& header, Bytes payload) {
  add_sum({.header = &header, .summed = payload.size()}, payload);
}

void DeviceQueue::check(const FrameHeader& header, Bytes payload) {
  add_sum({.sender = header.sender, .summed = payload.size(), .expected_sum = header.payload_sum},
          payload);
}

void DeviceQueue::add_sum(const Claim& with, Bytes payload) {
  if (payload.empty()) return;
  claim(with);
  auto* const sum = reinterpret_cast<std::uint64_t*>(sums_.data()) + claims_.size() - 1;
  SKIMP_ON_DEVICE(skimp_cuda_add_products, stream_, payload.data(), payload.size(), sum);
}

DeviceQueue::Findings DeviceQueue::settle() {
  read_words();
  return std::exchange(findings_, {});
}

/// Where the first is claimed, and not where the last was read: nothing stays in the stream then,
/// so that whoever has waited for it may free the words.
void DeviceQueue::clear_words() {
  const std::size_t used = std::exchange(used_words_, 0);
  clear(words_.data(), used * sizeof(DeviceStatus));
  if (keeps_payloads_) clear(sums_.data(), used * sizeof(std::uint64_t));
}

void DeviceQueue::wait() {
  if (wait_) return wait_();
  SKIMP_ON_DEVICE(skimp_cuda_wait, stream_);
}

void DeviceQueue::read_words() {
  const std::uint64_t bytes = claims_.size() * sizeof(DeviceStatus);
  const std::uint64_t sum_bytes = keeps_payloads_ ? claims_.size() * sizeof(std::uint64_t) : 0;
  copy(seen_.data(), words_.data(), bytes);
  copy(seen_sums_.data(), sums_.data(), sum_bytes);
  wait();
  used_words_ = std::max(used_words_, claims_.size());
  open_headers_ = 0;
  const std::vector<Claim> claims = std::exchange(claims_, {});
  for (std::size_t i = 0; i < claims.size(); ++i) {
    take(claims[i], seen_.as<DeviceStatus>()[i],
         keeps_payloads_ ? seen_sums_.as<std::uint64_t>()[i] : 0);
  }
}

void DeviceQueue::take(const Claim& claim, DeviceStatus word, std::uint64_t sum) {
  const auto& [header, codec, sender, summed, expected_sum] = claim;
  const bool nonfinite = (word & nonfinite_status) != 0;
  findings_.nonfinite |= nonfinite;
  findings_.guess_hits += (word & hit_status) != 0;
  findings_.guess_misses += (word & missed_status) != 0;
  if (summed > 0) {
    const auto found = static_cast<std::uint32_t>(finish_checksum(sum, summed));
    if (header != nullptr) {
      header->payload_sum = found;
    } else {
      require_intact(found == expected_sum, "from rank ", sender, ": frame: payload sum ",
                     expected_sum, " is not that of its bytes, ", found);
    }
  }
  if (header != nullptr && nonfinite) header->flags |= nonfinite_flag;
  if (codec != nullptr)
    require_intact_status(text("from rank ", sender, ": ", codec->text()), word);
}

void DeviceQueue::drain() noexcept {
  try {
    static_cast<void>(device_function_of<decltype(&skimp_cuda_wait)>("skimp_cuda_wait")(stream_));
  } catch (...) {
    // Without its library there is nothing to wait for.
  }
}

}  // namespace skimp
