/// \file
/// The work of one plan's runs on a device: a stream, and words in which its kernels report.
///
/// A run queues its kernels and copies and waits only where the host needs what they make: before
/// payloads are sealed, and once at its end. What kernels have reported by then becomes the flags
/// of headers and the errors that the same bytes raise on the host.
#pragma once

#include <vector>

#include "codecs/codec.h"
#include "codecs/frame.h"
#include "device/buffer.h"
#include "device/placed.h"

namespace skimp {

class DeviceQueue {
 public:
  explicit DeviceQueue(int device);

  /// The stream of the run that begins. What it was given before comes first.
  void begin(void* stream);

  const DeviceStream& stream() const { return stream_; }
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
  };

  DeviceStatus* claim(const Claim& claim);
  void read_words();

  DeviceStream stream_;
  PlacedMemory words_;
  Buffer seen_;  ///< the words, in host memory
  std::vector<Claim> claims_;
  std::size_t open_headers_ = 0;
  Findings findings_;
};

}  // namespace skimp
