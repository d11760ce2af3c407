/// \file
/// Alltoall: part j of every rank's input, of world_size equal parts, goes to rank j alone, whose
/// output has the parts in the order of the ranks that sent them. A rank's own part is not encoded.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm alltoall_direct;

}  // namespace skimp
