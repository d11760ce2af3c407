#include "feedback/residual.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "base/float_environment.h"
#include "base/stream.h"
#include "codecs/frame.h"

namespace skimp {

Residual::Residual(std::uint64_t count, DType dtype, bool in_place)
    : count_(count),
      dtype_(accumulator_of(dtype)),
      in_place_(in_place),
      current_(count * bytes_of(dtype_)),
      next_(in_place ? 0 : count * bytes_of(dtype_)) {
  if (count > 0) std::memset(current_.data(), 0, current_.bytes());
}

void Residual::load(const void* values, std::uint64_t count, std::uint64_t step) {
  require(count == count_, "residual: ", count, " values to load, it has ", count_);
  if (count > 0) std::memcpy(current_.data(), values, current_.bytes());
  step_ = step;
  fresh_ = true;
}

void Residual::load_memory(const void* values, std::uint64_t count) {
  memory_ = Buffer(count * bytes_of(dtype_));
  if (count > 0) std::memcpy(memory_.data(), values, memory_.bytes());
  memory_count_ = count;
  fresh_ = true;
}

void Residual::rescale(double factor) {
  require(std::isfinite(factor), "residual: factor ", factor, " must be finite");
  visit_accumulator(dtype_, [&](auto value) {
    using Value = decltype(value);
    Value* values = current_.as<Value>();
    for (std::uint64_t i = 0; i < count_; ++i) values[i] *= static_cast<Value>(factor);
  });
}

ResidualView Residual::view(std::uint64_t count, DType dtype, std::uint64_t memory_count) {
  require(count == count_ && accumulator_of(dtype) == dtype_, "residual: made for ", count_,
          " elements kept as ", name_of(dtype_), ", used with ", count, " of ", name_of(dtype));
  next_memory_count_ = memory_count;
  next_memory_.reserve(next_memory_count_ * bytes_of(dtype_));
  const bool remembers = next_memory_count_ > 0;
  return {.in = current_.data(),
          .out = in_place_ ? current_.data() : next_.data(),
          .memory_in = remembers && memory_count_ == next_memory_count_ ? memory_.data() : nullptr,
          .memory_out = remembers ? next_memory_.data() : nullptr,
          .step = step_,
          .fresh = fresh_};
}

void Residual::commit() {
  if (!in_place_) std::swap(current_, next_);
  std::swap(memory_, next_memory_);
  memory_count_ = next_memory_count_;
  ++step_;
  fresh_ = false;
}

bool run_with_feedback(Plan& plan, const void* input, void* output, Residual* residual) {
  if (residual == nullptr) return plan.run(input, output, nullptr);
  const Call& call = plan.call();
  const std::uint64_t memory =
      call.collective == SKIMP_MIX ? 0 : call.codec->memory_count(call.count);
  const ResidualView view = residual->view(residual_count(call), call.dtype, memory);
  const bool written = plan.run(input, output, &view);
  if (written) residual->commit();
  return written;
}

std::uint64_t encode_with_feedback(const Codec& codec, const void* input, std::uint64_t count,
                                   DType dtype, Residual* residual, MutableBytes frame) {
  const FloatEnvironment float_environment;
  const Buffer workspace(codec.workspace_bytes(count, dtype));
  EncodeJob job;
  job.input = input;
  job.dtype = dtype;
  job.count = count;
  job.workspace = workspace.data();
  if (residual != nullptr) {
    const ResidualView view = residual->view(count, dtype, codec.memory_count(count));
    job.residual_in = view.in;
    job.residual_out = view.out;
    job.memory_in = view.memory_in;
    job.memory_out = view.memory_out;
    job.streamed = is_streamed(count * bytes_of(residual->dtype()));
    job.random.call = static_cast<std::uint32_t>(view.step);
  }
  const std::uint64_t bytes = encode_frame(codec, job, frame);
  if (residual != nullptr) residual->commit();
  return bytes;
}

}  // namespace skimp
