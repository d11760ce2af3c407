#include "feedback/ef21.h"

#include "feedback/elementwise.h"

namespace skimp {
namespace {

class Ef21 final : public Variant {
 public:
  Ef21(std::uint64_t count, DType dtype) : Variant(count, dtype, {"estimate", "mean"}) {}

  const char* name() const override { return "ef21"; }

 private:
  void before(const Step& step) override {
    visit_accumulator(step.call.dtype, [&](auto value) {
      using Value = decltype(value);
      const auto* estimate = static_cast<const Value*>(array("estimate"));
      auto* difference = static_cast<Value*>(step.values);
      for_each_element<Value>(step.input, step.call.dtype, step.call.count,
                              [=](std::uint64_t i, Value x) { difference[i] = x - estimate[i]; });
    });
  }

  /// The estimate grows by what was delivered of the difference, the mean by that of all ranks.
  /// Where the mean is not finite both stay as they were.
  void after(const Step& step) override {
    visit_accumulator(step.call.dtype, [&](auto value) {
      using Value = decltype(value);
      auto* estimate = static_cast<Value*>(array("estimate"));
      auto* mean = static_cast<Value*>(array("mean"));
      const auto* difference = static_cast<const Value*>(step.values);
      auto* left_out = static_cast<Value*>(step.residual_out);
      const auto times = static_cast<Value>(step.times());
      map_elements<Value>(step.mean, step.output, step.call.dtype, step.call.count,
                          [=](std::uint64_t i, Value delta) {
                            const Value grown = mean[i] + delta;
                            const Value delivered = difference[i] - left_out[i];
                            const bool finite = is_finite(grown);
                            estimate[i] = finite ? estimate[i] + delivered : estimate[i];
                            mean[i] = finite ? grown : mean[i];
                            left_out[i] = 0;
                            return grown * times;
                          });
    });
  }
};

}  // namespace

std::unique_ptr<Variant> make_ef21(std::uint64_t count, DType dtype) {
  return std::make_unique<Ef21>(count, dtype);
}

}  // namespace skimp
