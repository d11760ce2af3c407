/// \file
/// Variants of error feedback: arrays kept beside a residual, and what is computed with them before
/// and after an allreduce through it. docs/feedback.md has the formulas.
///
/// They compute and send in the accumulator's type, whatever the array's.
#pragma once

#include <string_view>
#include <vector>

#include "feedback/residual.h"

namespace skimp {

class Variant {
 public:
  virtual ~Variant() = default;

  /// "ef21": for messages.
  virtual const char* name() const = 0;

  /// The array called `name`, values of the residual's type, zeros at first; null if there is none.
  void* array(std::string_view name) const;

  /// Multiplies all values of its arrays.
  void rescale(double factor);

  /// The call that reduces the values of `call`. Throws InvalidArgument if that is no allreduce to
  /// a mean or sum.
  Call inner(Call call) const;

  /// Runs `call` by a plan of its inner call. Changes nothing unless it succeeds; returns false
  /// when the run was skipped.
  bool run(const Call& call, Plan& plan, Residual& residual, const void* input, void* output);

 protected:
  Variant(std::uint64_t count, DType dtype, std::vector<const char*> names);

  /// One run, values in the accumulator's type. The residual's before and after are those of the
  /// reduction.
  struct Step {
    const Call& call;
    int world_size;
    const void* input;  ///< of the call's own dtype
    void* output;       ///< likewise
    void* values;       ///< that are reduced
    const void* mean;   ///< of them
    const void* residual_in;
    void* residual_out;

    /// What makes the result of a mean.
    int times() const { return call.op == SKIMP_SUM ? world_size : 1; }
  };

  /// Writes the values to reduce, and nothing else.
  virtual void before(const Step& step) = 0;
  /// Writes the output and what is kept. Cannot fail.
  virtual void after(const Step& step) = 0;

 private:
  struct Kept {
    const char* name;
    Buffer values;
  };

  std::uint64_t count_;
  DType dtype_;
  std::vector<Kept> kept_;
  Buffer values_;
  Buffer mean_;
};

}  // namespace skimp
