/// \file
/// How far a gossip step goes, unless the caller says.
#pragma once

#include <cstdint>

#include "codecs/codec.h"
#include "collectives/mix/graph.h"

namespace skimp {

/// 1 for identity: the next value is then Σⱼ wᵢⱼ·xⱼ itself. Else δ·min(1, (4/3) / ‖I − W‖), where δ
/// is the part of the squared norm that a payload delivers: kept / count of a sparse codec, of
/// others what it is for normal values, measured once on the same sample everywhere. 4/3 is the
/// norm of a ring.
///
/// Koloskova et al. 2019 prove convergence for a γ of order gap²·δ, which is far too careful: a
/// difference takes about 1/δ steps to get through, and steps of δ are as large as that delay
/// allows.
double default_step_size(const Codec& codec, std::uint64_t count, const Graph& graph);

}  // namespace skimp
