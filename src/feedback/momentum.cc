#include "feedback/momentum.h"

#include <algorithm>
#include <cmath>

#include "base/isa.h"
#include "codecs/elements.h"
#include "device/library.h"
#include "feedback/element.h"

namespace skimp {
namespace {

/// Of a span of the input (element.h).
template <class Value>
double sum_of_squares(const Source<Value>& source, std::uint64_t begin, std::uint64_t count) {
  static_assert(momentum::span_elements % tile_elements == 0 && tile_elements % 32 == 0);
  alignas(64) Value tile[tile_elements];
  alignas(64) double lanes[32] = {};
  for (std::uint64_t at = 0; at < count; at += tile_elements) {
    const std::uint64_t n = std::min(tile_elements, count - at);
    const Value* x = source.view(begin + at, n, tile);
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
  }
  for (std::uint64_t width = 16; width > 0; width /= 2) {
    for (std::uint64_t j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  }
  return lanes[0];
}

template <class Value>
void accelerate(const FeedbackStep& step, const Value* old, Value momentum, Value factor) {
  auto* velocity = static_cast<Value*>(step.values);
  const Source<Value> input(step.input, step.dtype);
  on_isa([&](auto) {
    for_each_tile(input, step.count, [&](std::uint64_t begin, std::uint64_t n, const Value* x) {
      for (std::uint64_t i = 0; i < n; ++i) {
        velocity[begin + i] = momentum::accelerated(old[begin + i], momentum, x[i], factor);
      }
    });
  });
}

template <class Value>
void keep(const FeedbackStep& step, Value* kept, bool masking) {
  const auto* velocity = static_cast<const Value*>(step.values);
  const auto* residual = static_cast<const Value*>(step.residual_in);
  const auto* left_out = static_cast<const Value*>(step.residual_out);
  const auto times = static_cast<Value>(step.times);
  const Sink<Value> output({.data = step.output, .dtype = step.dtype});
  const Source<Value> mean(step.mean, accumulator_of(step.dtype));
  on_isa([&](auto) {
    for_each_tile(mean, step.count,
                  [&](std::uint64_t begin, std::uint64_t n, const Value* reduced) {
                    alignas(64) Value result[tile_elements];
                    for (std::uint64_t i = 0; i < n; ++i) {
                      const std::uint64_t at = begin + i;
                      kept[at] = momentum::kept(velocity[at], residual[at], left_out[at], masking);
                      result[i] = reduced[i] * times;
                    }
                    output.put(begin, n, result);
                  });
  });
}

class Momentum final : public Variant {
 public:
  Momentum(std::uint64_t count, DType dtype, const MomentumOptions& options)
      : Variant(count, dtype, {"momentum"}), options_(options) {}

  const char* name() const override { return "momentum"; }

 private:
  std::unique_ptr<Variant> blank() const override {
    return std::make_unique<Momentum>(count(), dtype(), options_);
  }

  /// √Σ x², in float64.
  double norm_of(const Step& step) {
    const std::uint64_t spans = divide_up(count(), momentum::span_elements);
    double norm = 0;
    if (step.stream != nullptr) {
      const std::uint64_t bytes = spans * sizeof(double);
      if (sums_.bytes() < bytes) sums_ = PlacedMemory(bytes, step.stream->device);
      seen_.reserve(bytes);
      SKIMP_ON_DEVICE(skimp_cuda_sums_of_squares, *step.stream, step.arrays,
                      reinterpret_cast<double*>(sums_.data()));
      copy_placed(*step.stream, seen_.data(), sums_.data(), bytes);
      for (std::uint64_t s = 0; s < spans; ++s) norm += seen_.as<double>()[s];
      return std::sqrt(norm);
    }
    visit_accumulator(dtype(), [&](auto value) {
      const Source<decltype(value)> input(step.arrays.input, step.arrays.dtype);
      on_isa([&](auto) {
        for (std::uint64_t s = 0; s < spans; ++s) {
          const std::uint64_t begin = s * momentum::span_elements;
          norm += sum_of_squares(input, begin, std::min(momentum::span_elements, count() - begin));
        }
      });
    });
    return std::sqrt(norm);
  }

  /// What a gradient is scaled down by.
  double factor_of(const Step& step) {
    if (options_.clip == 0) return 1;
    const double norm = norm_of(step);
    const double limit = options_.clip / std::sqrt(static_cast<double>(step.world_size));
    return norm > limit ? limit / norm : 1;
  }

  void before(const Step& step) override {
    const double factor = factor_of(step);
    if (step.stream != nullptr) {
      SKIMP_ON_DEVICE(skimp_cuda_momentum_before, *step.stream, step.arrays, array("momentum"),
                      options_.momentum, factor);
      return;
    }
    visit_accumulator(dtype(), [&](auto value) {
      using Value = decltype(value);
      accelerate(step.arrays, static_cast<const Value*>(array("momentum")),
                 static_cast<Value>(options_.momentum), static_cast<Value>(factor));
    });
  }

  void after(const Step& step) override {
    if (step.stream != nullptr) {
      SKIMP_ON_DEVICE(skimp_cuda_momentum_after, *step.stream, step.arrays, array("momentum"),
                      options_.masking);
      return;
    }
    visit_accumulator(dtype(), [&](auto value) {
      keep(step.arrays, static_cast<decltype(value)*>(array("momentum")), options_.masking);
    });
  }

  MomentumOptions options_;
  PlacedMemory sums_;  ///< of squares, on a device, and as the host sees them
  Buffer seen_;
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
