/// \file
/// Transfers between arrays on a device: each warp takes one piece after the other.
#include "codecs/transfer.h"

#include "cuda/codecs/blocks.cuh"

namespace skimp::cuda {
namespace {

/// Elements of a piece: 16 bytes of the widest type for each lane, a few times over.
constexpr unsigned piece = 512;

/// From elements of type In, by way of their accumulator, to elements of type Out.
template <class In, class Out>
struct Transferring {
  using Value = typename Accumulator<In>::type;

  const In* input;
  const Value* residual;
  std::uint64_t count;
  Value divisor;
  bool add;
  Out* output;
  Value* rest;
  DeviceStatus* status;
};

/// Returns whether the i-th value is finite.
template <class In, class Out>
__device__ bool transfer_one(const Transferring<In, Out>& job, std::uint64_t i) {
  using Value = typename Transferring<In, Out>::Value;
  Value value = convert<Value>(job.input[i]);
  if (job.residual != nullptr) value += job.residual[i];
  if (job.output == nullptr) return is_finite(value);
  if (job.add) {
    if constexpr (sizeof(Out) == sizeof(Value)) job.output[i] += value;
    return is_finite(value);
  }
  const Out sent = rounded<Out>(value / job.divisor);
  job.output[i] = sent;
  if (job.rest != nullptr) {
    const Value rest = value - convert<Value>(sent);
    job.rest[i] = is_finite(rest) ? rest : Value{0};
  }
  return is_finite(value);
}

template <class In, class Out>
__global__ void transfer_pieces(Transferring<In, Out> job) {
  const std::uint64_t pieces = divide_up(job.count, piece);
  bool finite = true;
  for (std::uint64_t index = first_piece(); index < pieces; index += pieces_at_once()) {
    const auto [begin, n] = extent_of(index, piece, job.count);
    for (unsigned i = lane(); i < n; i += warp_size) finite &= transfer_one(job, begin + i);
  }
  if (!finite && job.status != nullptr) report(job.status, nonfinite_status);
}

template <class In, class Out>
void queue_transfer(const DeviceStream& stream, const Transfer& job, DeviceStatus* status) {
  using Value = typename Accumulator<In>::type;
  if constexpr (std::is_same_v<typename Accumulator<Out>::type, Value>) {
    const Transferring<In, Out> transferring{static_cast<const In*>(job.input),
                                             static_cast<const Value*>(job.residual),
                                             job.count,
                                             static_cast<Value>(job.output.divisor),
                                             job.output.add,
                                             static_cast<Out*>(job.output.data),
                                             static_cast<Value*>(job.rest.data),
                                             status};
    const auto kernel = transfer_pieces<In, Out>;
    launch(kernel, grid_for(kernel, divide_up(job.count, piece), 0, stream.device), stream,
           transferring);
  } else {
    fail(SKIMP_INTERNAL, "cuda: a transfer between float64 and narrower types");
  }
}

}  // namespace
}  // namespace skimp::cuda

skimp_status skimp_cuda_transfer(skimp::DeviceStream stream, const skimp::Transfer& job,
                                 skimp::DeviceStatus* status) {
  return skimp::cuda::guard_on(stream, [&](cudaStream_t) {
    if (job.count == 0) return;
    skimp::visit_dtype(job.dtype, [&](auto in) {
      skimp::visit_dtype(job.output.dtype, [&](auto out) {
        skimp::cuda::queue_transfer<decltype(in), decltype(out)>(stream, job, status);
      });
    });
  });
}
