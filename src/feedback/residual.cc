#include "feedback/residual.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "base/float_environment.h"
#include "base/stream.h"
#include "codecs/frame.h"
#include "device/library.h"

namespace skimp {
namespace {

/// Copies between the host and where a residual lies.
void copy(int device, void* to, const void* from, std::uint64_t bytes) {
  if (device == host_memory) {
    std::memcpy(to, from, bytes);
  } else {
    SKIMP_ON_DEVICE(skimp_cuda_copy, {device}, to, from, bytes);
    SKIMP_ON_DEVICE(skimp_cuda_wait, {device});
  }
}

std::string place(int device) {
  return device == host_memory ? "in host memory" : text("on device ", device);
}

}  // namespace

Residual::Residual(std::uint64_t count, DType dtype, bool in_place, int device)
    : count_(count), dtype_(accumulator_of(dtype)), in_place_(in_place), device_(device) {
  current_ = make_values();
  if (!in_place) next_ = make_values();
  if (count == 0) return;
  if (device == host_memory) {
    std::memset(current_.data(), 0, bytes());
  } else {
    SKIMP_ON_DEVICE(skimp_cuda_clear, {device}, current_.data(), bytes());
    SKIMP_ON_DEVICE(skimp_cuda_wait, {device});
  }
}

Residual::Values Residual::make_values() const {
  if (device_ == host_memory) return {Buffer(bytes()), {}};
  return {{}, DeviceMemory({device_}, bytes())};
}

void Residual::load(const void* values, std::uint64_t count, std::uint64_t step) {
  require(count == count_, "residual: ", count, " values to load, it has ", count_);
  if (count > 0) copy(device_, current_.data(), values, bytes());
  step_ = step;
  fresh_ = true;
}

void Residual::save(void* values, std::uint64_t count) const {
  require(count == count_, "residual: ", count, " values to save, it has ", count_);
  if (count > 0) copy(device_, values, current_.data(), bytes());
}

/// On a device by way of the host: loss scales change rarely.
void Residual::rescale(double factor) {
  require(std::isfinite(factor), "residual: factor ", factor, " must be finite");
  const Buffer copied(device_ == host_memory ? 0 : bytes());
  if (device_ != host_memory) save(copied.data(), count_);
  visit_accumulator(dtype_, [&](auto value) {
    using Value = decltype(value);
    auto* values = reinterpret_cast<Value*>(copied.data() ? copied.data() : current_.data());
    for (std::uint64_t i = 0; i < count_; ++i) values[i] *= static_cast<Value>(factor);
  });
  if (device_ != host_memory && count_ > 0) copy(device_, current_.data(), copied.data(), bytes());
}

ResidualView Residual::view(std::uint64_t count, DType dtype, int device) {
  require(count == count_ && accumulator_of(dtype) == dtype_, "residual: made for ", count_,
          " elements kept as ", name_of(dtype_), ", used with ", count, " of ", name_of(dtype));
  require(device == device_, "residual: made ", place(device_), ", used with an array ",
          place(device));
  return {current_.data(), in_place_ ? current_.data() : next_.data(), step_, fresh_};
}

void Residual::commit() {
  if (!in_place_) std::swap(current_, next_);
  ++step_;
  fresh_ = false;
}

bool run_with_feedback(Plan& plan, const void* input, void* output, Residual* residual) {
  if (residual == nullptr) return plan.run(input, output, nullptr);
  const ResidualView view = residual->view(plan.call().count, plan.call().dtype);
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
    const ResidualView view = residual->view(count, dtype);
    job.residual_in = view.in;
    job.residual_out = view.out;
    job.streamed = is_streamed(count * bytes_of(residual->dtype()));
    job.random.call = static_cast<std::uint32_t>(view.step);
  }
  const std::uint64_t bytes = encode_frame(codec, job, frame);
  if (residual != nullptr) residual->commit();
  return bytes;
}

}  // namespace skimp
