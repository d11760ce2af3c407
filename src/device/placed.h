/// \file
/// Memory where it is needed: where an array lies, or where the payloads of its calls do.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "device/buffer.h"
#include "device/memory.h"

namespace skimp {

class PlacedMemory {
 public:
  PlacedMemory() = default;

  /// Uninitialised. On a device it is there for work in any stream; whoever frees it has waited for
  /// that work.
  PlacedMemory(std::uint64_t bytes, int device);

  std::byte* data() const { return host_.data() != nullptr ? host_.data() : on_device_.data(); }
  std::uint64_t bytes() const { return host_.bytes() + on_device_.bytes(); }

 private:
  Buffer host_;
  DeviceMemory on_device_;
};

/// Where payloads of an array's calls lie.
struct PayloadPlace {
  int device = host_memory;  ///< the array's
  bool stays = false;  ///< they are sent from there; else from host memory, where it is pinned
};

/// Memory for payloads.
class PayloadMemory {
 public:
  PayloadMemory() = default;
  PayloadMemory(std::uint64_t bytes, const PayloadPlace& place);

  MutableBytes span() const { return {data(), host_.bytes() + on_device_.bytes()}; }
  std::byte* data() const { return host_.data() != nullptr ? host_.data() : on_device_.data(); }

 private:
  Buffer host_;
  PlacedMemory on_device_;
};

/// Copies, and waits until that is done. Memory of the host, or of `device` on either side.
void copy_placed(int device, void* to, const void* from, std::uint64_t bytes);

/// The same of memory of the stream's device, after what the stream was given before.
void copy_placed(const DeviceStream& stream, void* to, const void* from, std::uint64_t bytes);

/// Fills with zeros, and waits.
void clear_placed(int device, void* memory, std::uint64_t bytes);

/// Multiplies `count` values of an accumulator's type; on a device by way of the host.
void rescale_placed(int device, void* values, DType dtype, std::uint64_t count, double factor);

}  // namespace skimp
