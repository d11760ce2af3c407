#include "base/checksum.h"

namespace skimp {

std::uint64_t sum_of_products(Bytes bytes) {
  constexpr std::uint32_t step = 0x9E3779B1u;
  const std::uint64_t groups = bytes.size() / 8;
  std::uint64_t sum = 0;
  for (std::uint64_t j = 0; j < groups; ++j) {
    const auto pair = load<std::uint64_t>(bytes.data() + 8 * j);
    const auto key = static_cast<std::uint32_t>(2 * j + 1) * step;
    const std::uint32_t low = static_cast<std::uint32_t>(pair) + key;
    const std::uint32_t high = static_cast<std::uint32_t>(pair >> 32) + key + step;
    sum += std::uint64_t{low} * high;
  }
  if (const std::size_t rest = bytes.size() % 8; rest != 0) {
    std::uint64_t pair = 0;
    std::memcpy(&pair, bytes.data() + 8 * groups, rest);
    const auto key = static_cast<std::uint32_t>(2 * groups + 1) * step;
    const std::uint32_t low = static_cast<std::uint32_t>(pair) + key;
    const std::uint32_t high = static_cast<std::uint32_t>(pair >> 32) + key + step;
    sum += std::uint64_t{low} * high;
  }
  return sum;
}

}  // namespace skimp
