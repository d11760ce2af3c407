/// \file
/// Allreduce of codecs whose payloads can be added as they are: rounds of "make a small buffer,
/// reduce it densely", where a later buffer may depend on an earlier sum (LinearRounds). No rank
/// decodes another's payload, and the traffic per rank does not grow with the number of ranks.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm linear;

}  // namespace skimp
