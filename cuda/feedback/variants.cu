/// \file
/// EF21 and momentum correction on a device: one pass before a reduction and one after it, in which
/// lanes take neighbouring elements.
#include <cstdint>

#include "base/bytes.h"
#include "cuda/device/block.cuh"
#include "cuda/device/launch.cuh"
#include "feedback/element.h"
#include "feedback/kernels.h"

namespace skimp::cuda {
namespace {

/// The arrays of a step, whose elements are of the type Element.
template <class Element>
struct Stepping {
  using Value = typename Accumulator<Element>::type;

  explicit Stepping(const FeedbackStep& step)
      : count(step.count),
        input(static_cast<const Element*>(step.input)),
        output(static_cast<Element*>(step.output)),
        times(static_cast<Value>(step.times)),
        values(static_cast<Value*>(step.values)),
        mean(static_cast<const Value*>(step.mean)),
        residual_in(static_cast<const Value*>(step.residual_in)),
        residual_out(static_cast<Value*>(step.residual_out)) {}

  std::uint64_t count;
  const Element* input;
  Element* output;
  Value times;
  Value* values;
  const Value* mean;
  const Value* residual_in;
  Value* residual_out;
};

template <class Element, class Value>
__global__ void ef21_before(Stepping<Element> step, const Value* estimate) {
  for (std::uint64_t i = first_item(); i < step.count; i += items_at_once()) {
    step.values[i] = convert<Value>(step.input[i]) - estimate[i];
  }
}

template <class Element, class Value>
__global__ void ef21_after(Stepping<Element> step, Value* estimate, Value* mean) {
  for (std::uint64_t i = first_item(); i < step.count; i += items_at_once()) {
    Value its_estimate = estimate[i], its_mean = mean[i];
    const Value grown =
        ef21::grow(step.values[i], step.residual_out[i], step.mean[i], its_estimate, its_mean);
    estimate[i] = its_estimate;
    mean[i] = its_mean;
    step.residual_out[i] = 0;
    step.output[i] = rounded<Element>(grown * step.times);
  }
}

template <class Element, class Value>
__global__ void momentum_before(Stepping<Element> step, const Value* velocity, Value momentum,
                                Value factor) {
  for (std::uint64_t i = first_item(); i < step.count; i += items_at_once()) {
    const Value input = convert<Value>(step.input[i]);
    step.values[i] = momentum::accelerated(velocity[i], momentum, input, factor);
  }
}

template <class Element, class Value>
__global__ void momentum_after(Stepping<Element> step, Value* velocity, bool masking) {
  for (std::uint64_t i = first_item(); i < step.count; i += items_at_once()) {
    velocity[i] =
        momentum::kept(step.values[i], step.residual_in[i], step.residual_out[i], masking);
    step.output[i] = rounded<Element>(step.mean[i] * step.times);
  }
}

/// A warp takes a span; adding its lanes crosswise gives lane 0 the sum in the written order.
template <class Element>
__global__ void sums_of_squares(Stepping<Element> step, double* sums) {
  constexpr std::uint64_t span = momentum::span_elements;
  const std::uint64_t spans = divide_up(step.count, span);
  for (std::uint64_t index = first_piece(); index < spans; index += pieces_at_once()) {
    const std::uint64_t begin = index * span, last = begin + span;
    const std::uint64_t end = last < step.count ? last : step.count;
    double sum = 0;
    for (std::uint64_t i = begin + lane(); i < end; i += warp_size) {
      const double wide = convert<typename Stepping<Element>::Value>(step.input[i]);
      sum += wide * wide;
    }
    sum = warp_sum(sum);
    if (lane() == 0) sums[index] = sum;
  }
}

/// Queues kernel(step, arguments...), with warps for so many pieces.
template <class Element, class... Parameters>
void launch_step(void (*kernel)(Stepping<Element>, Parameters...), const DeviceStream& stream,
                 const FeedbackStep& step, std::uint64_t pieces, const Parameters&... arguments) {
  if (step.count == 0) return;
  launch(kernel, grid_for(kernel, pieces, 0, stream.device), stream, Stepping<Element>(step),
         arguments...);
}

std::uint64_t warps_of(const FeedbackStep& step) { return divide_up(step.count, warp_size); }

/// Calls body(Element{}) on the stream's device.
template <class Body>
skimp_status on_elements(const DeviceStream& stream, const FeedbackStep& step, Body&& body) {
  return guard_on(stream, [&](cudaStream_t) { visit_dtype(step.dtype, body); });
}

}  // namespace
}  // namespace skimp::cuda

namespace kernels = skimp::cuda;
using skimp::Accumulator;
using skimp::DeviceStream;
using skimp::FeedbackStep;

skimp_status skimp_cuda_ef21_before(DeviceStream stream, const FeedbackStep& step,
                                    const void* estimate) {
  return kernels::on_elements(stream, step, [&](auto element) {
    using Element = decltype(element);
    using Value = typename Accumulator<Element>::type;
    kernels::launch_step(kernels::ef21_before<Element, Value>, stream, step,
                         kernels::warps_of(step), static_cast<const Value*>(estimate));
  });
}

skimp_status skimp_cuda_ef21_after(DeviceStream stream, const FeedbackStep& step, void* estimate,
                                   void* mean) {
  return kernels::on_elements(stream, step, [&](auto element) {
    using Element = decltype(element);
    using Value = typename Accumulator<Element>::type;
    kernels::launch_step(kernels::ef21_after<Element, Value>, stream, step, kernels::warps_of(step),
                         static_cast<Value*>(estimate), static_cast<Value*>(mean));
  });
}

skimp_status skimp_cuda_momentum_before(DeviceStream stream, const FeedbackStep& step,
                                        const void* velocity, double momentum, double factor) {
  return kernels::on_elements(stream, step, [&](auto element) {
    using Element = decltype(element);
    using Value = typename Accumulator<Element>::type;
    kernels::launch_step(kernels::momentum_before<Element, Value>, stream, step,
                         kernels::warps_of(step), static_cast<const Value*>(velocity),
                         static_cast<Value>(momentum), static_cast<Value>(factor));
  });
}

skimp_status skimp_cuda_momentum_after(DeviceStream stream, const FeedbackStep& step,
                                       void* velocity, int masking) {
  return kernels::on_elements(stream, step, [&](auto element) {
    using Element = decltype(element);
    using Value = typename Accumulator<Element>::type;
    kernels::launch_step(kernels::momentum_after<Element, Value>, stream, step,
                         kernels::warps_of(step), static_cast<Value*>(velocity), masking != 0);
  });
}

skimp_status skimp_cuda_sums_of_squares(DeviceStream stream, const FeedbackStep& step,
                                        double* sums) {
  return kernels::on_elements(stream, step, [&](auto element) {
    using Element = decltype(element);
    const std::uint64_t spans = skimp::divide_up(step.count, skimp::momentum::span_elements);
    kernels::launch_step(kernels::sums_of_squares<Element>, stream, step, spans, sums);
  });
}
