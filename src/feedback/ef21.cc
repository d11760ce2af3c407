#include "feedback/ef21.h"

#include "base/isa.h"
#include "codecs/elements.h"
#include "device/library.h"
#include "feedback/element.h"

namespace skimp {
namespace {

template <class Value>
void subtract(const FeedbackStep& step, const Value* estimate) {
  auto* difference = static_cast<Value*>(step.values);
  const Source<Value> input(step.input, step.dtype);
  on_isa([&](auto) {
    for_each_tile(input, step.count, [&](std::uint64_t begin, std::uint64_t n, const Value* x) {
      for (std::uint64_t i = 0; i < n; ++i) difference[begin + i] = x[i] - estimate[begin + i];
    });
  });
}

template <class Value>
void grow(const FeedbackStep& step, Value* estimate, Value* mean) {
  const auto* difference = static_cast<const Value*>(step.values);
  auto* left_out = static_cast<Value*>(step.residual_out);
  const auto times = static_cast<Value>(step.times);
  const Sink<Value> output({.data = step.output, .dtype = step.dtype});
  const Source<Value> change(step.mean, accumulator_of(step.dtype));
  on_isa([&](auto) {
    for_each_tile(
        change, step.count, [&](std::uint64_t begin, std::uint64_t n, const Value* delta) {
          alignas(64) Value result[tile_elements];
          for (std::uint64_t i = 0; i < n; ++i) {
            const std::uint64_t at = begin + i;
            result[i] =
                times * ef21::grow(difference[at], left_out[at], delta[i], estimate[at], mean[at]);
            left_out[at] = 0;
          }
          output.put(begin, n, result);
        });
  });
}

class Ef21 final : public Variant {
 public:
  Ef21(std::uint64_t count, DType dtype) : Variant(count, dtype, {"estimate", "mean"}) {}

  const char* name() const override { return "ef21"; }

 private:
  std::unique_ptr<Variant> blank() const override {
    return std::make_unique<Ef21>(count(), dtype());
  }

  void before(const Step& step) override {
    if (step.stream != nullptr) {
      SKIMP_ON_DEVICE(skimp_cuda_ef21_before, *step.stream, step.arrays, array("estimate"));
      return;
    }
    visit_accumulator(dtype(), [&](auto value) {
      subtract(step.arrays, static_cast<const decltype(value)*>(array("estimate")));
    });
  }

  void after(const Step& step) override {
    if (step.stream != nullptr) {
      SKIMP_ON_DEVICE(skimp_cuda_ef21_after, *step.stream, step.arrays, array("estimate"),
                      array("mean"));
      return;
    }
    visit_accumulator(dtype(), [&](auto value) {
      using Value = decltype(value);
      grow(step.arrays, static_cast<Value*>(array("estimate")), static_cast<Value*>(array("mean")));
    });
  }
};

}  // namespace

std::unique_ptr<Variant> make_ef21(std::uint64_t count, DType dtype) {
  return std::make_unique<Ef21>(count, dtype);
}

}  // namespace skimp
