#include "feedback/variant.h"

#include <cmath>
#include <cstring>

#include "base/float_environment.h"
#include "codecs/elements.h"

namespace skimp {

Variant::Variant(std::uint64_t count, DType dtype, std::vector<const char*> names)
    : count_(count), dtype_(accumulator_of(dtype)) {
  const std::uint64_t bytes = count * bytes_of(dtype_);
  for (const char* name : names) {
    Kept& kept = kept_.emplace_back(Kept{name, Buffer(bytes)});
    if (bytes > 0) std::memset(kept.values.data(), 0, bytes);
  }
}

void* Variant::array(std::string_view name) const {
  for (const Kept& kept : kept_) {
    if (kept.name == name) return kept.values.data();
  }
  return nullptr;
}

void Variant::rescale(double factor) {
  require(std::isfinite(factor), name(), ": factor ", factor, " must be finite");
  visit_accumulator(dtype_, [&](auto value) {
    using Value = decltype(value);
    for (const Kept& kept : kept_) {
      Value* values = kept.values.as<Value>();
      for (std::uint64_t i = 0; i < count_; ++i) values[i] *= static_cast<Value>(factor);
    }
  });
}

Call Variant::inner(Call call) const {
  require(call.collective == SKIMP_ALLREDUCE, name_of(call.collective), ": a residual of ", name(),
          " is for allreduce alone");
  require(call.op == SKIMP_MEAN || call.op == SKIMP_SUM, name(),
          ": reduces to a mean or sum, not op=", name_of(call.op));
  require(call.device == host_memory, name(),
          ": computes in host memory: copy the array there, from device ", call.device);
  call.op = SKIMP_MEAN;
  call.dtype = accumulator_of(call.dtype);
  return call;
}

bool Variant::run(const Call& call, Plan& plan, Residual& residual, const void* input,
                  void* output) {
  const FloatEnvironment float_environment;
  values_.reserve(count_ * bytes_of(dtype_));
  mean_.reserve(count_ * bytes_of(dtype_));
  const ResidualView view =
      residual.view(call.count, call.dtype, call.codec->memory_count(call.count));
  const Step step{call,           plan.world_size(), input,   output,
                  values_.data(), mean_.data(),      view.in, view.out};
  before(step);
  if (!plan.run(values_.data(), mean_.data(), &view, nullptr)) return false;
  after(step);
  residual.commit();
  return true;
}

}  // namespace skimp
