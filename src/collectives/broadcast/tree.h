/// \file
/// Broadcast down a binomial tree: the root encodes once, every rank passes the payload on as it
/// came, and all decode the same bytes, the root too. ⌈log₂ P⌉ rounds.
///
/// Ranks are counted from the root. Rank r > 0 has its parent where its highest set bit is cleared,
/// and its children where a bit above that is set.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm broadcast_tree;

}  // namespace skimp
