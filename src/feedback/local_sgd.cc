#include "feedback/local_sgd.h"

#include <cmath>
#include <cstring>
#include <type_traits>

#include "base/error.h"
#include "base/float_environment.h"
#include "device/buffer.h"
#include "feedback/elementwise.h"

namespace skimp {
namespace {

/// How the parameters differ from those that all ranks went on from, which were the anchor rounded
/// to their type.
template <class Value>
void measure_change(const Value* anchor, const void* parameters, std::uint64_t count, DType dtype,
                    Value* change) {
  visit_dtype(dtype, [&](auto element) {
    using Element = decltype(element);
    if constexpr (std::is_same_v<typename Accumulator<Element>::type, Value>) {
      for_each_element<Value>(parameters, dtype, count, [=](std::uint64_t i, Value x) {
        change[i] = x - convert<Value>(rounded<Element>(anchor[i]));
      });
    }
  });
}

}  // namespace

void LocalSgd::require_valid() const {
  require(momentum >= 0 && momentum < 1, "local_sgd: momentum = ", momentum,
          " is not from 0 to below 1");
  require(learning_rate > 0 && std::isfinite(learning_rate),
          "local_sgd: learning_rate = ", learning_rate, " is not above 0");
}

void LocalSgd::start(const void* parameters, std::uint64_t count, DType dtype) const {
  visit_accumulator(dtype, [&](auto value) {
    using Value = decltype(value);
    auto* kept = static_cast<Value*>(anchor);
    for_each_element<Value>(parameters, dtype, count,
                            [=](std::uint64_t i, Value x) { kept[i] = x; });
    if (count > 0) std::memset(velocity, 0, count * sizeof(Value));
  });
}

void LocalSgd::synchronise(const void* input, void* output, std::uint64_t count, DType dtype,
                           const Average& average) const {
  const FloatEnvironment float_environment;
  visit_accumulator(dtype, [&](auto value) {
    using Value = decltype(value);
    auto* kept = static_cast<Value*>(anchor);
    auto* speed = static_cast<Value*>(velocity);
    const Buffer change(count * sizeof(Value));
    measure_change(kept, input, count, dtype, change.template as<Value>());
    average(change.data(), change.data());
    const auto m = static_cast<Value>(momentum);
    const auto rate = static_cast<Value>(learning_rate);
    const bool ahead = nesterov;
    map_elements<Value>(change.data(), output, dtype, count, [=](std::uint64_t i, Value mean) {
      speed[i] = speed[i] * m + mean;
      const Value step = ahead ? mean + speed[i] * m : speed[i];
      return kept[i] = kept[i] + step * rate;
    });
  });
}

}  // namespace skimp
