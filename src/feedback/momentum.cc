#include "feedback/momentum.h"

#include <cmath>

#include "feedback/elementwise.h"

namespace skimp {
namespace {

/// √Σ x², in float64: lane j of 32 adds elements j, j + 32, …, then lanes j and j + 16 are added, j
/// and j + 8, … j and j + 1.
template <class Value>
double norm_of(const Source<Value>& source, std::uint64_t count) {
  static_assert(tile_elements % 32 == 0);
  alignas(64) double lanes[32] = {};
  for_each_tile(source, count, [&](std::uint64_t, std::uint64_t n, const Value* x) {
    std::uint64_t i = 0;
    for (; i + 32 <= n; i += 32) {
      for (std::uint64_t j = 0; j < 32; ++j) {
        const double wide = x[i + j];
        lanes[j] += wide * wide;
      }
    }
    for (std::uint64_t j = 0; i + j < n; ++j) {
      const double wide = x[i + j];
      lanes[j] += wide * wide;
    }
  });
  for (std::uint64_t width = 16; width > 0; width /= 2) {
    for (std::uint64_t j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  }
  return std::sqrt(lanes[0]);
}

class Momentum final : public Variant {
 public:
  Momentum(std::uint64_t count, DType dtype, const MomentumOptions& options)
      : Variant(count, dtype, {"momentum"}), options_(options) {}

  const char* name() const override { return "momentum"; }

 private:
  template <class Value>
  Value clip_factor(const Step& step) const {
    if (options_.clip == 0) return 1;
    const Source<Value> input(step.input, step.call.dtype);
    double norm = 0;
    on_isa([&](auto) { norm = norm_of(input, step.call.count); });
    const double limit = options_.clip / std::sqrt(static_cast<double>(step.world_size));
    return norm > limit ? static_cast<Value>(limit / norm) : Value{1};
  }

  void before(const Step& step) override {
    visit_accumulator(step.call.dtype, [&](auto value) {
      using Value = decltype(value);
      const auto* old = static_cast<const Value*>(array("momentum"));
      auto* velocity = static_cast<Value*>(step.values);
      const Value factor = clip_factor<Value>(step);
      const auto momentum = static_cast<Value>(options_.momentum);
      for_each_element<Value>(
          step.input, step.call.dtype, step.call.count,
          [=](std::uint64_t i, Value x) { velocity[i] = old[i] * momentum + x * factor; });
    });
  }

  /// The velocity stays where it is finite and, with masking, where at least half of the value was
  /// left out.
  void after(const Step& step) override {
    visit_accumulator(step.call.dtype, [&](auto value) {
      using Value = decltype(value);
      auto* kept = static_cast<Value*>(array("momentum"));
      const auto* velocity = static_cast<const Value*>(step.values);
      const auto* residual = static_cast<const Value*>(step.residual_in);
      const auto* left_out = static_cast<const Value*>(step.residual_out);
      const auto times = static_cast<Value>(step.times());
      const bool masking = options_.masking;
      map_elements<Value>(step.mean, step.output, step.call.dtype, step.call.count,
                          [=](std::uint64_t i, Value mean) {
                            const Value total = velocity[i] + residual[i];
                            const bool sent =
                                masking && 2 * std::abs(left_out[i]) < std::abs(total);
                            kept[i] = is_finite(velocity[i]) && !sent ? velocity[i] : Value{0};
                            return mean * times;
                          });
    });
  }

  MomentumOptions options_;
};

}  // namespace

std::unique_ptr<Variant> make_momentum(std::uint64_t count, DType dtype,
                                       const MomentumOptions& options) {
  require(options.momentum >= 0 && options.momentum < 1, "momentum: momentum = ", options.momentum,
          " is not from 0 to below 1");
  require(options.clip >= 0 && std::isfinite(options.clip), "momentum: clip = ", options.clip,
          " is neither above 0, nor 0 for none");
  return std::make_unique<Momentum>(count, dtype, options);
}

}  // namespace skimp
