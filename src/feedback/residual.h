/// \file
/// Error-feedback state of one array: what earlier calls left out.
#pragma once

#include <cstdint>

#include "collectives/plan.h"
#include "collectives/point_to_point.h"
#include "device/placed.h"

namespace skimp {

class Residual {
 public:
  /// `count` zeros in the accumulator's type of `dtype`. Two buffers, so that a call that fails
  /// leaves the values as they were; one when `in_place`.
  Residual(std::uint64_t count, DType dtype, bool in_place, int device = host_memory);

  std::uint64_t count() const { return count_; }
  DType dtype() const { return dtype_; }
  std::uint64_t step() const { return step_; }
  int device() const { return device_; }
  void* values() const { return current_.data(); }

  /// The codec's memory of the last call (see Codec::memory_count), in the residual's type. It lies
  /// where the values do.
  std::uint64_t memory_count() const { return memory_count_; }
  void* memory() { return memory_.data(); }

  /// To and from host memory.
  void load(const void* values, std::uint64_t count, std::uint64_t step);
  void save(void* values, std::uint64_t count) const;
  void load_memory(const void* values, std::uint64_t count);
  void save_memory(void* values, std::uint64_t count) const;

  /// One that goes on where this one is, in other memory.
  Residual copied_to(int device) const;

  void rescale(double factor);

  /// For one run on `count` elements of `dtype` that lie on `device`, by a codec that remembers
  /// `memory_count` values. Throws InvalidArgument when the elements are not its own. A memory of
  /// another size is another codec's, and not used.
  ResidualView view(std::uint64_t count, DType dtype, std::uint64_t memory_count,
                    int device = host_memory);

  /// The run has succeeded: what it wrote is now current.
  void commit();

 private:
  std::uint64_t bytes() const { return count_ * bytes_of(dtype_); }
  std::uint64_t memory_bytes() const { return memory_count_ * bytes_of(dtype_); }

  std::uint64_t count_;
  DType dtype_;
  bool in_place_;
  int device_;
  std::uint64_t step_ = 0;
  bool fresh_ = true;
  PlacedMemory current_;
  PlacedMemory next_;
  std::uint64_t memory_count_ = 0;
  std::uint64_t next_memory_count_ = 0;
  PlacedMemory memory_;
  PlacedMemory next_memory_;
};

/// Runs a plan with a residual (or none: null), which changes only if the run succeeds.
/// Returns false when the run was skipped. `stream` is for calls on a device.
bool run_with_feedback(Plan& plan, const void* input, void* output, Residual* residual,
                       void* stream);

/// The same for a stand-alone encode: returns the frame's bytes.
std::uint64_t encode_with_feedback(const Codec& codec, const void* input, std::uint64_t count,
                                   DType dtype, Residual* residual, MutableBytes frame);

/// The same for a message to another rank.
void send_with_feedback(PointToPoint& messages, const Envelope& envelope, const CodecPtr& codec,
                        const void* input, Residual* residual, skimp_report& report);

}  // namespace skimp
