/// \file
/// cub::DeviceTopK (CCCL 3.2 or later), called as a user of CUB would for top-k by magnitude: the
/// magnitudes are never written, since it reads through iterators. device_topk.py compiles this.
#include <cub/device/device_topk.cuh>

#include <cstddef>
#include <cstdint>

#include <cuda/__execution/determinism.h>
#include <cuda/__execution/output_ordering.h>
#include <cuda/__execution/require.h>
#include <cuda/iterator>
#include <cuda/std/execution>
#include <cuda/stream_ref>

namespace {

struct Magnitude {
  __device__ float operator()(float x) const { return fabsf(x); }
};

}  // namespace

/// Queues the selection of the k largest magnitudes, in no order, with their indices. With
/// workspace = nullptr it only says how many bytes that must have. Returns a cudaError_t.
extern "C" int skimp_bench_device_topk(void* workspace, std::size_t* workspace_bytes,
                                       const float* x, std::int32_t count, float* magnitudes,
                                       std::int32_t* indices, std::int32_t k, void* stream) {
  const auto requirements = cuda::execution::require(cuda::execution::determinism::not_guaranteed,
                                                     cuda::execution::output_ordering::unsorted);
  const cuda::stream_ref where{static_cast<cudaStream_t>(stream)};
  return cub::DeviceTopK::MaxPairs(workspace, *workspace_bytes,
                                   cuda::make_transform_iterator(x, Magnitude{}), magnitudes,
                                   cuda::make_counting_iterator(std::int32_t{0}), indices, count, k,
                                   cuda::std::execution::env{where, requirements});
}
