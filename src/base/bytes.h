/// \file
/// Little-endian loads and stores at any alignment, and sizes in bits and bytes.
/// Skimp runs on little-endian machines only; the static_assert below says so at build time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/host_device.h"

namespace skimp {

static_assert(std::endian::native == std::endian::little,
              "Skimp's wire format is little-endian and is read without swapping");

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

SKIMP_HOST_DEVICE inline std::uint64_t divide_up(std::uint64_t a, std::uint64_t b) {
  return a / b + (a % b != 0);
}

SKIMP_HOST_DEVICE inline std::uint64_t bytes_of_bits(std::uint64_t bits) {
  return divide_up(bits, 8);
}

}  // namespace skimp
