/// \file
/// The work of one plan's runs on a device: a stream, and words in which its kernels report.
///
/// A run queues its kernels and copies and waits only where the host needs what they make: before
/// payloads are sealed, and once at its end. What kernels have reported by then becomes the flags
/// of headers and the errors that the same bytes raise on the host.
#pragma once

#include <functional>
#include <vector>

#include "codecs/codec.h"
#include "codecs/frame.h"
#include "device/buffer.h"
#include "device/placed.h"

namespace skimp {

class DeviceQueue {
 public:
  /// Calls back when the stream is to be waited for; null: waits as long as it takes.
  using Wait = std::function<void()>;

  explicit DeviceQueue(PayloadPlace place);

  /// The stream of the run that begins. What it was given before comes first.
  void begin(void* stream, Wait wait = nullptr);

  const DeviceStream& stream() const { return stream_; }

  /// Whether payloads are sent from the device's memory.
  bool keeps_payloads() const { return keeps_payloads_; }

  void copy(void* to, const void* from, std::uint64_t bytes);
  void clear(void* memory, std::uint64_t bytes);

  /// \name Words that are zero, for one kernel each
  /// @{
  /// Of an encode: once settled, its header says what it met.
  DeviceStatus* word_for(FrameHeader& header) { return claim({.header = &header}); }
  /// Of a decode of what a rank sent: once settled, that is an error if no encoder writes it.
  DeviceStatus* word_for(const Codec& codec, std::uint32_t sender) {
    return claim({.codec = &codec, .sender = sender});
  }
  /// Of a look at this rank's own values.
  DeviceStatus* word() { return claim({}); }
  /// @}

  /// \name Checksums of payloads that stay on the device
  /// @{
  /// Once settled, the header has the payload's.
  void sum(FrameHeader& header, Bytes payload);
  /// Once settled, it is an error if a received header's is another.
  void check(const FrameHeader& header, Bytes payload);
  /// @}

  /// What kernels have reported since the last time.
  struct Findings {
    bool nonfinite = false;
    std::uint64_t guess_hits = 0;
    std::uint64_t guess_misses = 0;
  };

  /// Waits for the stream: payloads and headers are complete then. Throws CorruptPayload.
  Findings settle();

  /// Whether headers wait for that.
  bool has_open_headers() const { return open_headers_ > 0; }

  /// Waits for the stream, whatever has become of it.
  void drain() noexcept;

 private:
  struct Claim {
    FrameHeader* header = nullptr;
    const Codec* codec = nullptr;
    std::uint32_t sender = 0;
    std::uint64_t summed = 0;  ///< bytes of a payload that is summed up
    std::uint32_t expected_sum = 0;
  };

  DeviceStatus* claim(const Claim& claim);
  void clear_words();
  void add_sum(const Claim& claim, Bytes payload);
  void wait();
  void read_words();
  void take(const Claim& claim, DeviceStatus word, std::uint64_t sum);

  DeviceStream stream_;
  bool keeps_payloads_;
  Wait wait_;
  PlacedMemory words_;
  PlacedMemory sums_;  ///< of payloads, beside the words
  Buffer seen_;        ///< the words, in host memory
  Buffer seen_sums_;
  std::size_t used_words_ = 0;  ///< that are not zero
  std::vector<Claim> claims_;
  std::size_t open_headers_ = 0;
  Findings findings_;
};

}  // namespace skimp
