/// \file
/// Allgather: every rank sends its payload to all others; everyone decodes all, its own too, so
/// that the result has the same bits on every rank.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm allgather_direct;

}  // namespace skimp
