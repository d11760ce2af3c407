/// \file
/// Local SGD: ranks train alone for some steps, then average how their parameters have changed
/// (Stich 2019). With a momentum of this outer step it is SlowMo (Wang et al. 2020) or DiLoCo
/// (Douillard et al. 2023). docs/feedback.md has the formulas.
#pragma once

#include <cstdint>
#include <functional>

#include "base/dtype.h"

namespace skimp {

/// The outer step, and its state: arrays of the caller's, in the accumulator's type.
struct LocalSgd {
  double momentum = 0;       ///< from 0 to below 1
  double learning_rate = 1;  ///< above 0
  bool nesterov = false;
  void* anchor = nullptr;  ///< the parameters that all ranks had last, before they were rounded
  void* velocity = nullptr;

  /// Throws InvalidArgument.
  void require_valid() const;

  /// Begins with `count` parameters of `dtype`, equal on all ranks.
  void start(const void* parameters, std::uint64_t count, DType dtype) const;

  /// Writes the mean over all ranks of an array of the accumulator's type, which may be where the
  /// array is; or throws.
  using Average = std::function<void(const void* input, void* mean)>;

  /// Reads a rank's own parameters and writes those that all ranks go on from; the two may be one
  /// array. If `average` throws nothing changes.
  void synchronise(const void* input, void* output, std::uint64_t count, DType dtype,
                   const Average& average) const;
};

}  // namespace skimp
