/// \file
/// Entries put into arrays on a device: a lane takes one after the other. No two have one index, so
/// none waits for another.
#include <cstdint>

#include "base/numbers.h"
#include "collectives/entry_kernels.h"
#include "cuda/device/block.cuh"
#include "cuda/device/launch.cuh"

namespace skimp::cuda {
namespace {

template <class Element, class Value>
__global__ void put_entries(SkimpEntries entries, Element* output, Value divisor) {
  const auto* values = static_cast<const Value*>(entries.values);
  for (std::uint64_t j = first_item(); j < entries.n; j += items_at_once()) {
    output[entries.indices[j]] = rounded<Element>(values[j] / divisor);
  }
}

template <class Value>
__global__ void leave_entries(SkimpEntries entries, Value* residual) {
  const auto* values = static_cast<const Value*>(entries.values);
  for (std::uint64_t j = first_item(); j < entries.n; j += items_at_once()) {
    Value& rest = residual[entries.indices[j]];
    rest = finite_or_zero(rest + values[j]);
  }
}

}  // namespace
}  // namespace skimp::cuda

skimp_status skimp_cuda_put_entries(skimp::DeviceStream stream, const SkimpEntries& entries,
                                    const skimp::Output& output) {
  using namespace skimp::cuda;
  return guard_on(stream, [&](cudaStream_t) {
    skimp::visit_dtype(output.dtype, [&](auto element) {
      using Element = decltype(element);
      using Value = typename skimp::Accumulator<Element>::type;
      launch_items(put_entries<Element, Value>, stream, entries.n, entries,
                   static_cast<Element*>(output.data), static_cast<Value>(output.divisor));
    });
  });
}

skimp_status skimp_cuda_leave_entries(skimp::DeviceStream stream, const SkimpEntries& entries,
                                      void* residual) {
  using namespace skimp::cuda;
  return guard_on(stream, [&](cudaStream_t) {
    skimp::visit_accumulator(entries.dtype, [&](auto value) {
      using Value = decltype(value);
      launch_items(leave_entries<Value>, stream, entries.n, entries, static_cast<Value*>(residual));
    });
  });
}
