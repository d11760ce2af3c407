#include "feedback/residual.h"

#include <cmath>
#include <utility>

#include "base/float_environment.h"
#include "base/stream.h"
#include "codecs/frame.h"

namespace skimp {
namespace {

std::string place(int device) {
  return device == host_memory ? "in host memory" : text("on device ", device);
}

}  // namespace

Residual::Residual(std::uint64_t count, DType dtype, bool in_place, int device)
    : count_(count), dtype_(accumulator_of(dtype)), in_place_(in_place), device_(device) {
  current_ = PlacedMemory(bytes(), device);
  if (!in_place) next_ = PlacedMemory(bytes(), device);
  clear_placed(device, current_.data(), bytes());
}

void Residual::load(const void* values, std::uint64_t count, std::uint64_t step) {
  require(count == count_, "residual: ", count, " values to load, it has ", count_);
  copy_placed(device_, current_.data(), values, bytes());
  step_ = step;
  fresh_ = true;
}

void Residual::save(void* values, std::uint64_t count) const {
  require(count == count_, "residual: ", count, " values to save, it has ", count_);
  copy_placed(device_, values, current_.data(), bytes());
}

void Residual::load_memory(const void* values, std::uint64_t count) {
  memory_ = PlacedMemory(count * bytes_of(dtype_), device_);
  memory_count_ = count;
  copy_placed(device_, memory_.data(), values, memory_bytes());
  fresh_ = true;
}

void Residual::save_memory(void* values, std::uint64_t count) const {
  require(count == memory_count_, "residual: ", count, " values of memory to save, it has ",
          memory_count_);
  copy_placed(device_, values, memory_.data(), memory_bytes());
}

/// Ranks whose arrays stay where they are do not hear of it, so it is no fresh one.
Residual Residual::copied_to(int device) const {
  const int involved = device == host_memory ? device_ : device;
  Residual copy(count_, dtype_, in_place_, device);
  copy_placed(involved, copy.current_.data(), current_.data(), bytes());
  copy.memory_ = PlacedMemory(memory_bytes(), device);
  copy.memory_count_ = memory_count_;
  copy_placed(involved, copy.memory_.data(), memory_.data(), memory_bytes());
  copy.step_ = step_;
  copy.fresh_ = fresh_;
  return copy;
}

/// Loss scales change rarely.
void Residual::rescale(double factor) {
  require(std::isfinite(factor), "residual: factor ", factor, " must be finite");
  rescale_placed(device_, current_.data(), dtype_, count_, factor);
}

ResidualView Residual::view(std::uint64_t count, DType dtype, std::uint64_t memory_count,
                            int device) {
  require(count == count_ && accumulator_of(dtype) == dtype_, "residual: made for ", count_,
          " elements kept as ", name_of(dtype_), ", used with ", count, " of ", name_of(dtype));
  require(device == device_, "residual: made ", place(device_), ", used with an array ",
          place(device));
  next_memory_count_ = memory_count;
  const std::uint64_t needed = next_memory_count_ * bytes_of(dtype_);
  if (next_memory_.bytes() < needed) next_memory_ = PlacedMemory(needed, device_);
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

bool run_with_feedback(Plan& plan, const void* input, void* output, Residual* residual,
                       void* stream) {
  if (residual == nullptr) return plan.run(input, output, nullptr, stream);
  const Call& call = plan.call();
  const std::uint64_t memory =
      call.collective == SKIMP_MIX ? 0 : call.codec->memory_count(call.count);
  const ResidualView view = residual->view(residual_count(call), call.dtype, memory, call.device);
  const bool written = plan.run(input, output, &view, stream);
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

void send_with_feedback(PointToPoint& messages, const Envelope& envelope, const CodecPtr& codec,
                        const void* input, Residual* residual, skimp_report& report) {
  if (residual == nullptr) return messages.send(envelope, codec, input, nullptr, report);
  const ResidualView view = residual->view(envelope.count, envelope.dtype,
                                           codec->memory_count(envelope.count), envelope.device);
  messages.send(envelope, codec, input, &view, report);
  residual->commit();
}

}  // namespace skimp
