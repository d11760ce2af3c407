/// \file
/// Allreduce of selected elements with about 2k entries a rank whatever P is, after Ok-Topk (Li and
/// Hoefler, Near-Optimal Sparse Allreduce, PPoPP 2022).
///
/// 1. Each rank encodes its whole input once; what that leaves out is its residual.
/// 2. Borders: rank j gets from everyone the index that a share of j/P of its k entries lies below,
///    and tells all the mean. Shards then hold about as many entries as one another, however the
///    selected elements lie.
/// 3. Reduce: entries go to the owners of their shards, as the codec codes them, and are added in
///    rank order.
/// 4. Re-selection: owners tell all how large their sums are, in 32 groups each (balance.h), from
///    which everyone decides alike how many sums each owner keeps: k in all, those of the largest
///    groups. What an owner drops is added to its own residual.
/// 5. Balance: kept sums move, exact, so that each rank has k/P of them.
/// 6. Gather: each rank encodes its part, for all others. What that rounds is added to its own
///    residual. Everyone decodes the same bytes.
///
/// So Σ (input + old residual) = Σ outputs + Σ new residuals, as everywhere. A rank sends at most k
/// entries in each of 3 and 5 and k(P−1)/P in 6, and small messages, O(P), in 2 and 4.
///
/// Where we differ: borders and the re-selection are made anew in each call, from messages that
/// cost less than the headers of another exchange, and not kept for some steps, so that a call
/// depends on nothing but its arguments; k sums are kept exactly, and what is dropped is not lost.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

extern const Algorithm sparse_balanced;

}  // namespace skimp
