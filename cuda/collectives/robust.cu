/// \file
/// Robust reductions on a device: a lane takes the values that all ranks have for one element,
/// sorts them where it reads them, or in shared memory if a warp's fit there.
#include "collectives/robust_kernels.h"

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "collectives/robust_column.h"
#include "cuda/device/launch.cuh"

namespace skimp::cuda {
namespace {

using robust::KeyOf;

/// What grid_for lets a block have; a warp's tile may be all of it.
constexpr std::size_t largest_tile_bytes = 48 << 10;

/// Values are seen as their bits: they are sorted as keys, in the place of values.
template <class Value>
struct RobustJob {
  KeyOf<Value>* rows;
  std::uint64_t stride;
  std::uint64_t count;
  int ranks;
  int trim;
  bool tiled;  ///< sorted in shared memory
};

/// Calls reduce(column) for the first place of each element's values.
template <class Value, class Reduce>
__device__ void for_each_column(const RobustJob<Value>& job, Reduce&& reduce) {
  const std::uint64_t pieces = divide_up(job.count, warp_size);
  for (std::uint64_t piece = first_piece(); piece < pieces; piece += pieces_at_once()) {
    const std::uint64_t i = piece * warp_size + lane();
    if (i < job.count) reduce(job.rows + i);
  }
}

template <class Value>
__global__ void trimmed_means(RobustJob<Value> job) {
  using Key = KeyOf<Value>;
  const auto ranks = static_cast<unsigned>(job.ranks);
  const unsigned warp = threadIdx.x / warp_size;
  Key* tile = reinterpret_cast<Key*>(shared_memory()) + warp * ranks * warp_size + lane();
  for_each_column(job, [&](Key* column) {
    Key* keys = job.tiled ? tile : column;
    const std::uint64_t step = job.tiled ? warp_size : job.stride;
    for (unsigned r = 0; r < ranks; ++r) {
      keys[r * step] = robust::key_of(std::bit_cast<Value>(column[r * job.stride]));
    }
    robust::for_each_comparison(job.ranks, [&](int i, int j) {
      Key& low = keys[static_cast<unsigned>(i) * step];
      Key& high = keys[static_cast<unsigned>(j) * step];
      const Key a = low, b = high;
      low = b < a ? b : a;
      high = b < a ? a : b;
    });
    const auto first = static_cast<unsigned>(job.trim), end = ranks - first;
    Value sum = robust::value_of<Value>(keys[first * step]);
    for (unsigned r = first + 1; r < end; ++r) sum += robust::value_of<Value>(keys[r * step]);
    *column = std::bit_cast<Key>(sum / static_cast<Value>(end - first));
  });
}

template <class Value>
__global__ void votes(RobustJob<Value> job) {
  using Key = KeyOf<Value>;
  for_each_column(job, [&](Key* column) {
    Key balance = 0;
    for (int r = 0; r < job.ranks; ++r) {
      balance += robust::sign_of(std::bit_cast<Value>(column[r * job.stride]));
    }
    *column = std::bit_cast<Key>(static_cast<Value>(robust::sign_of(balance)));
  });
}

/// Calls queue(job) with the rows as the accumulator's type has them.
template <class Queue>
skimp_status on_rows(const DeviceStream& stream, const SkimpRankRows& rows, Queue&& queue) {
  return guard_on(stream, [&](cudaStream_t) {
    if (rows.count == 0) return;
    visit_accumulator(rows.dtype, [&](auto value) {
      using Value = decltype(value);
      queue(RobustJob<Value>{static_cast<KeyOf<Value>*>(rows.values), rows.stride, rows.count,
                             rows.ranks, 0, false});
    });
  });
}

}  // namespace
}  // namespace skimp::cuda

skimp_status skimp_cuda_trimmed_mean(skimp::DeviceStream stream, const SkimpRankRows& rows,
                                     int trim) {
  using namespace skimp::cuda;
  return on_rows(stream, rows, [&]<class Value>(RobustJob<Value> job) {
    const std::size_t bytes = static_cast<std::size_t>(job.ranks) * warp_size * sizeof(Value);
    job.trim = trim;
    job.tiled = bytes <= largest_tile_bytes;
    const std::uint64_t pieces = skimp::divide_up(job.count, warp_size);
    const Grid grid = grid_for(trimmed_means<Value>, pieces, job.tiled ? bytes : 0, stream.device);
    launch(trimmed_means<Value>, grid, stream, job);
  });
}

skimp_status skimp_cuda_vote(skimp::DeviceStream stream, const SkimpRankRows& rows) {
  using namespace skimp::cuda;
  return on_rows(stream, rows, [&]<class Value>(const RobustJob<Value>& job) {
    const std::uint64_t pieces = skimp::divide_up(job.count, warp_size);
    launch(votes<Value>, grid_for(votes<Value>, pieces, 0, stream.device), stream, job);
  });
}
