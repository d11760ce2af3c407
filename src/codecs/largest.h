/// \file
/// Which elements are the largest, for who wants no payload of them.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace skimp {

/// Sets mask[i] to 1 for the k ≤ count elements that topk would keep, the largest magnitudes with
/// ties to the lower index, and to 0 for all others.
void mark_largest(const void* values, std::uint64_t count, DType dtype, std::uint64_t k,
                  std::uint8_t* mask);

}  // namespace skimp
