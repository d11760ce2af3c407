#include "feedback/variant.h"

#include <cmath>

#include "base/float_environment.h"
#include "device/library.h"

namespace skimp {
namespace {

/// Waits for a stream, whatever becomes of a run: what is queued must not outlive its arrays.
class Drained {
 public:
  explicit Drained(const DeviceStream* stream) : stream_(stream) {}
  ~Drained() {
    if (stream_ == nullptr) return;
    device_function_of<decltype(&skimp_cuda_wait)>("skimp_cuda_wait")(*stream_);
  }
  Drained(const Drained&) = delete;
  Drained& operator=(const Drained&) = delete;

 private:
  const DeviceStream* stream_;
};

}  // namespace

Variant::Variant(std::uint64_t count, DType dtype, std::vector<const char*> names)
    : count_(count), dtype_(accumulator_of(dtype)) {
  for (const char* name : names) {
    Kept& kept = kept_.emplace_back(Kept{name, PlacedMemory(bytes(), host_memory)});
    clear_placed(host_memory, kept.values.data(), bytes());
  }
}

void* Variant::array(std::string_view name) const {
  for (const Kept& kept : kept_) {
    if (kept.name == name) return kept.values.data();
  }
  return nullptr;
}

void Variant::save(std::string_view name, void* values, std::uint64_t count) const {
  require(count == count_, this->name(), ": ", count, " values of ", name, " to save, it has ",
          count_);
  const void* from = array(name);
  require(from != nullptr || count == 0, this->name(), ": has no array ", name);
  copy_placed(device_, values, from, bytes());
}

std::unique_ptr<Variant> Variant::copied_to(int device) const {
  const int involved = device == host_memory ? device_ : device;
  std::unique_ptr<Variant> copy = blank();
  copy->device_ = device;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    copy->kept_[i].values = PlacedMemory(bytes(), device);
    copy_placed(involved, copy->kept_[i].values.data(), kept_[i].values.data(), bytes());
  }
  return copy;
}

void Variant::rescale(double factor) {
  require(std::isfinite(factor), name(), ": factor ", factor, " must be finite");
  for (const Kept& kept : kept_)
    rescale_placed(device_, kept.values.data(), dtype_, count_, factor);
}

Call Variant::inner(Call call) const {
  require(call.collective == SKIMP_ALLREDUCE, name_of(call.collective), ": a residual of ", name(),
          " is for allreduce alone");
  require(call.op == SKIMP_MEAN || call.op == SKIMP_SUM, name(),
          ": reduces to a mean or sum, not op=", name_of(call.op));
  call.op = SKIMP_MEAN;
  call.dtype = accumulator_of(call.dtype);
  return call;
}

bool Variant::run(const Call& call, Plan& plan, Residual& residual, const void* input, void* output,
                  void* stream) {
  const FloatEnvironment float_environment;
  const ResidualView view =
      residual.view(call.count, call.dtype, call.codec->memory_count(call.count), call.device);
  if (values_.bytes() < bytes()) values_ = PlacedMemory(bytes(), device_);
  if (mean_.bytes() < bytes()) mean_ = PlacedMemory(bytes(), device_);
  const DeviceStream there{call.device, stream};
  const Step step{{.dtype = call.dtype,
                   .count = call.count,
                   .input = input,
                   .output = output,
                   .times = call.op == SKIMP_SUM ? static_cast<double>(plan.world_size()) : 1,
                   .values = values_.data(),
                   .mean = mean_.data(),
                   .residual_in = view.in,
                   .residual_out = view.out},
                  plan.world_size(),
                  call.device == host_memory ? nullptr : &there};
  const Drained drained(step.stream);
  before(step);
  if (!plan.run(values_.data(), mean_.data(), &view, stream)) return false;
  after(step);
  if (step.stream != nullptr) SKIMP_ON_DEVICE(skimp_cuda_wait, there);
  residual.commit();
  return true;
}

}  // namespace skimp
