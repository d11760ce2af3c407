#include "feedback/ef21.h"

#include "base/isa.h"
#include "codecs/elements.h"

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
      const Source<Value> input(step.input, step.call.dtype);
      on_isa([&](auto) {
        for_each_tile(input, step.call.count,
                      [&](std::uint64_t begin, std::uint64_t n, const Value* x) {
                        for (std::uint64_t i = 0; i < n; ++i) {
                          difference[begin + i] = x[i] - estimate[begin + i];
                        }
                      });
      });
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
      const Value times = step.call.op == SKIMP_SUM ? static_cast<Value>(step.world_size) : 1;
      const Sink<Value> output({.data = step.output, .dtype = step.call.dtype});
      const Source<Value> change(step.mean, accumulator_of(step.call.dtype));
      on_isa([&](auto) {
        for_each_tile(change, step.call.count,
                      [&](std::uint64_t begin, std::uint64_t n, const Value* delta) {
                        alignas(64) Value result[tile_elements];
                        for (std::uint64_t i = 0; i < n; ++i) {
                          const std::uint64_t at = begin + i;
                          const Value grown = mean[at] + delta[i];
                          const Value delivered = difference[at] - left_out[at];
                          const bool finite = is_finite(grown);
                          estimate[at] = finite ? estimate[at] + delivered : estimate[at];
                          mean[at] = finite ? grown : mean[at];
                          left_out[at] = 0;
                          result[i] = grown * times;
                        }
                        output.put(begin, n, result);
                      });
      });
    });
  }
};

}  // namespace

std::unique_ptr<Variant> make_ef21(std::uint64_t count, DType dtype) {
  return std::make_unique<Ef21>(count, dtype);
}

}  // namespace skimp
