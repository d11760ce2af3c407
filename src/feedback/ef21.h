/// \file
/// EF21 (Richtárik et al. 2021): each rank keeps an estimate of its own gradient, and the mean of
/// all ranks' estimates. What is reduced is the difference between gradient and estimate.
#pragma once

#include <memory>

#include "feedback/variant.h"

namespace skimp {

/// Its arrays are "estimate" and "mean". Nothing is left in the residual between calls: the next
/// difference has it.
std::unique_ptr<Variant> make_ef21(std::uint64_t count, DType dtype);

}  // namespace skimp
