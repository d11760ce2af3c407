/// \file
/// Allreduce by gathering: every rank encodes its whole input once and sends it to all others;
/// everyone decodes all payloads, its own too, and adds them in rank order.
///
/// One loss only, and one round, but (P−1) payloads sent and P decoded: for few ranks, or for
/// selections too small to cut into shards. With top-k the result has up to k·P non-zeros.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm gather;

}  // namespace skimp
