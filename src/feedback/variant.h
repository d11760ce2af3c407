/// \file
/// Variants of error feedback: arrays kept beside a residual, and what is computed with them before
/// and after an allreduce through it. docs/feedback.md has the formulas.
///
/// They compute and send in the accumulator's type, whatever the array's, and where it lies.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "feedback/kernels.h"
#include "feedback/residual.h"

namespace skimp {

class Variant {
 public:
  virtual ~Variant() = default;

  /// "ef21": for messages.
  virtual const char* name() const = 0;

  /// The array called `name`, values of the residual's type, zeros at first, where the residual's
  /// values lie; null if there is none.
  void* array(std::string_view name) const;

  /// Copies the array to host memory. Throws InvalidArgument if there is none of this size.
  void save(std::string_view name, void* values, std::uint64_t count) const;

  /// One that goes on where this one is, in other memory. It is made in host memory.
  std::unique_ptr<Variant> copied_to(int device) const;

  /// Multiplies all values of its arrays.
  void rescale(double factor);

  /// The call that reduces the values of `call`. Throws InvalidArgument if that is no allreduce to
  /// a mean or sum.
  Call inner(Call call) const;

  /// Runs `call` by a plan of its inner call. Changes nothing unless it succeeds; returns false
  /// when the run was skipped. `stream` is for calls on a device.
  bool run(const Call& call, Plan& plan, Residual& residual, const void* input, void* output,
           void* stream);

 protected:
  Variant(std::uint64_t count, DType dtype, std::vector<const char*> names);

  std::uint64_t count() const { return count_; }
  DType dtype() const { return dtype_; }  ///< the accumulator's

  struct Step {
    FeedbackStep arrays;
    int world_size;
    const DeviceStream* stream;  ///< null: the arrays are in host memory
  };

  /// One of the same kind, in host memory, whose arrays are zeros.
  virtual std::unique_ptr<Variant> blank() const = 0;

  /// Writes the values to reduce, and nothing else.
  virtual void before(const Step& step) = 0;
  /// Writes the output and what is kept. Cannot fail.
  virtual void after(const Step& step) = 0;

 private:
  struct Kept {
    const char* name;
    PlacedMemory values;
  };

  std::uint64_t bytes() const { return count_ * bytes_of(dtype_); }

  std::uint64_t count_;
  DType dtype_;
  int device_ = host_memory;
  std::vector<Kept> kept_;
  PlacedMemory values_;
  PlacedMemory mean_;
};

}  // namespace skimp
