/// \file
/// A gossip step: every rank sends one payload to its neighbours, and moves towards them.
///
/// With what rank i sends decoded to qᵢ, in the accumulator's type:
///
/// 1. choco encodes xᵢ + mᵢ, where −mᵢ is the copy x̂ᵢ of xᵢ that the neighbours know by now; plain
///    encodes xᵢ.
/// 2. dᵢ ← dᵢ + Σⱼ wᵢⱼ·(qⱼ − qᵢ), in rank order (plain: from 0);   mᵢ ← mᵢ − qᵢ.
/// 3. xᵢ ← xᵢ + γ·dᵢ, rounded once to the array's type.
///
/// dᵢ = Σⱼ wᵢⱼ·(x̂ⱼ − x̂ᵢ) is kept, where the paper keeps Σⱼ wᵢⱼ·x̂ⱼ: it shrinks as ranks agree, and
/// what two neighbours add for each other is exactly opposite. An error in it would move the mean
/// by as much in every later step, so what additions to d round off is kept too, as eᵢ: d + e has
/// twice the digits. Values of q that are not finite make the output NaN and leave the state alone.
///
/// Koloskova, Stich, Jaggi 2019, Decentralized stochastic optimization and gossip algorithms with
/// compressed communication, algorithm 1.
#pragma once

#include "collectives/algorithm.h"

namespace skimp {

/// Without state: xᵢ ← Σⱼ wᵢⱼ·xⱼ when γ = 1.
extern const Algorithm mix_plain;

/// With m, then d, then e as residual: 3·count values.
extern const Algorithm mix_choco;

}  // namespace skimp
