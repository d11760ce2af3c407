/// \file
/// Low rank on a device: the steps of Factors, each a launch or two for all matrices of a bucket.
#include "codecs/lowrank/kernels.h"

#include <algorithm>
#include <cstdint>

#include "codecs/lowrank/device_workspace.h"
#include "cuda/codecs/lowrank/deliver.cuh"
#include "cuda/codecs/lowrank/orthonormal.cuh"
#include "cuda/codecs/lowrank/plain.cuh"
#include "cuda/codecs/lowrank/products.cuh"
#include "cuda/codecs/lowrank/shapes.cuh"
#include "cuda/codecs/lowrank/spans.cuh"

namespace skimp::cuda::lowrank {

namespace {

using skimp::lowrank::DeviceWorkspace;
using skimp::lowrank::Layout;

/// Where the kernels of one factorisation find what they share.
template <class Value>
struct Workspace {
  Value* start;
  Value* p;
  Value* partial;
  double* columns;
  double* sums;

  Workspace(const Layout& layout, const EncodeJob& job) {
    require(is_aligned(job.workspace), "cuda: the workspace is not aligned to 16 bytes");
    const DeviceWorkspace at(layout, sizeof(Value));
    start = reinterpret_cast<Value*>(job.workspace + at.start);
    p = reinterpret_cast<Value*>(job.workspace + at.p);
    partial = reinterpret_cast<Value*>(job.workspace + at.partial);
    columns = reinterpret_cast<double*>(job.workspace + at.columns);
    sums = reinterpret_cast<double*>(job.workspace + at.sums);
  }
};

/// Calls body(Value{}) on the stream's device.
template <class Body>
skimp_status on_device(const DeviceStream& stream, const EncodeJob& job, Body&& body) {
  return guard_on(stream, [&](cudaStream_t) { visit_accumulator(job.dtype, body); });
}

/// Calls body(constant K) for K = padded_rank columns.
template <class Body>
void with_columns(std::uint64_t rank, Body&& body) {
  switch (skimp::lowrank::padded_rank(rank)) {
    case 4: return body(Unsigned<4>{});
    case 8: return body(Unsigned<8>{});
    case 16: return body(Unsigned<16>{});
    default: return body(Unsigned<32>{});
  }
}

/// Queues kernels whose warps take the items of a batch.
template <class Job>
void launch_items(void (*kernel)(Job), const Job& job, const DeviceStream& stream) {
  constexpr unsigned turns = 4;  // what a warp that is done early leaves to the others
  launch(kernel, resident_grid(kernel, job.batch.items(), 0, turns, stream.device), stream, job);
}

/// The grid of kernels whose blocks take a batch's entries: as many warps as columns have spans.
inline Grid grid_of_columns(const Batch<Columns>& batch, std::uint64_t blocks) {
  std::uint64_t most = 1;
  for (unsigned i = 0; i < batch.count; ++i) {
    most = std::max(most, divide_up(batch.entries[i].n, skimp::lowrank::span_values));
  }
  const auto warps = static_cast<unsigned>(std::min<std::uint64_t>(most, most_warps));
  return {static_cast<unsigned>(blocks), warps, column_bytes};
}

/// One of the two buffers' factors.
enum class Side { p, q };

template <class Launch>
void for_each_factor(const Layout& layout, Side side, Launch&& launch_batch) {
  auto batches = batches_of<Columns>(launch_batch);
  std::uint64_t sums = 0;
  for (const Piece& piece : layout.pieces()) {
    if (!piece.factored) continue;
    const std::uint64_t n = side == Side::p ? piece.rows : piece.columns;
    batches.add({n, side == Side::p ? piece.first : piece.second, sums}, 1);
    sums += skimp::lowrank::sums_of(n);
  }
  batches.flush();
}

template <class Launch>
void for_each_plain(const Layout& layout, Launch&& launch_batch) {
  auto batches = batches_of<Piece>(launch_batch);
  for (const Piece& piece : layout.pieces()) {
    if (!piece.factored) batches.add(piece, divide_up(piece.count(), warp_size));
  }
  batches.flush();
}

template <class Value>
void orthonormalise_all(const DeviceStream& stream, const Layout& layout, Side side,
                        OrthonormalJob<Value> job) {
  job.rank = layout.rank();
  job.row = skimp::lowrank::padded_rank(layout.rank());
  for_each_factor(layout, side, [&](const Batch<Columns>& batch) {
    job.batch = batch;
    launch(orthonormalise<Value>, grid_of_columns(batch, batch.count), stream, job);
  });
}

/// A product's kernels, for all matrices, and the sums of its spans.
template <class Value, class Items, class Partials, class Sums>
void multiply(const DeviceStream& stream, const Layout& layout, void (*kernel)(ProductJob<Value>),
              ProductJob<Value> job, Items&& items_of, Partials&& partials_of, Sums&& sums_of) {
  job.rank = layout.rank();
  auto products = batches_of<Factored>([&](const Batch<Factored>& batch) {
    job.batch = batch;
    launch_items(kernel, job, stream);
  });
  auto sums = batches_of<Spans>([&](const Batch<Spans>& batch) {
    launch_items(add_spans<Value>, {batch, job.partial, job.buffer, job.status}, stream);
  });
  std::uint64_t partial = 0;
  for (const Piece& piece : layout.pieces()) {
    if (!piece.factored) continue;
    products.add({piece, partial}, items_of(piece));
    partial += partials_of(layout.rank(), piece);
  }
  products.flush();
  partial = 0;
  for (const Piece& piece : layout.pieces()) {
    const std::uint64_t values = partials_of(layout.rank(), piece);
    if (values == 0) continue;
    const auto [count, to] = sums_of(piece);
    sums.add({count, values / count, partial, to}, divide_up(count, warp_size));
    partial += values;
  }
  sums.flush();
}

struct SumsAt {
  std::uint64_t count, to;
};

// ---- The steps ----------------------------------------------------------------------------------

template <class Value>
void sketch(const DeviceStream& stream, const Layout& layout, const EncodeJob& job, Value* first,
            DeviceStatus* status) {
  const Workspace<Value> workspace(layout, job);
  const std::uint64_t rank = layout.rank(), row = skimp::lowrank::padded_rank(rank);
  Value* kept = kept_sums<Value>(job);
  for_each_factor(layout, Side::q, [&](const Batch<Columns>& batch) {
    const StartJob<Value> start{
        batch, rank, row, static_cast<const Value*>(job.memory_in), job.random, workspace.start};
    launch(make_start<Value>, grid_of_columns(batch, batch.count * row), stream, start);
  });
  with_columns(rank, [&](auto columns) {
    constexpr unsigned K = decltype(columns)::value;
    multiply<Value>(
        stream, layout, sketch_spans<Value, K>,
        {{}, Matrix<Value>(job), rank, workspace.start, workspace.partial, first, status, kept},
        sketch_items<Value, K>, skimp::lowrank::sketch_values,
        [&](const Piece& piece) { return SumsAt{rank * piece.rows, piece.first}; });
  });
  for_each_plain(layout, [&](const Batch<Piece>& batch) {
    launch_items(copy_plain<Value>, {batch, Matrix<Value>(job), first, status}, stream);
  });
}

template <class Value>
void project(const DeviceStream& stream, const Layout& layout, const EncodeJob& job,
             const Value* first, Value* p, Value* second, DeviceStatus* status) {
  const Workspace<Value> workspace(layout, job);
  const auto matrix = Matrix<Value>::after_sketch(job);
  const std::uint64_t rank = layout.rank();
  orthonormalise_all<Value>(
      stream, layout, Side::p,
      {{}, 0, 0, first, workspace.columns, workspace.sums, workspace.p, p, canonical_nan<Value>()});
  with_columns(rank, [&](auto columns) {
    constexpr unsigned K = decltype(columns)::value;
    multiply<Value>(stream, layout, project_spans<Value, K>,
                    {{}, matrix, rank, workspace.p, workspace.partial, second, status},
                    project_items<Value, K>, skimp::lowrank::projection_values,
                    [&](const Piece& piece) { return SumsAt{rank * piece.columns, piece.second}; });
  });
}

template <class Value>
void take(const DeviceStream& stream, const Layout& layout, const EncodeJob& job,
          const Value* first) {
  const Workspace<Value> workspace(layout, job);
  auto batches = batches_of<Piece>([&](const Batch<Piece>& batch) {
    const std::uint64_t rank = layout.rank();
    launch_items(take_p<Value>,
                 {batch, rank, skimp::lowrank::padded_rank(rank), first, workspace.p}, stream);
  });
  for (const Piece& piece : layout.pieces()) {
    if (piece.factored) batches.add(piece, divide_up(piece.rows, warp_size));
  }
  batches.flush();
}

template <class Value>
void deliver(const DeviceStream& stream, const Layout& layout, const EncodeJob& job,
             const SkimpLowRankFactors& factors, const Output* output) {
  const Workspace<Value> workspace(layout, job);
  const Result<Value> result(output);
  auto* residual = static_cast<Value*>(job.residual_out);
  if (residual == nullptr && result.data == nullptr) return;
  with_columns(layout.rank(), [&](auto columns) {
    constexpr unsigned K = decltype(columns)::value;
    auto batches = batches_of<Piece>([&](const Batch<Piece>& batch) {
      launch_items(deliver_strips<Value, K>,
                   {batch, Matrix<Value>::after_sketch(job), layout.rank(), workspace.p,
                    static_cast<const Value*>(factors.own),
                    static_cast<const Value*>(factors.second), residual, result},
                   stream);
    });
    for (const Piece& piece : layout.pieces()) {
      if (piece.factored) batches.add(piece, deliver_items<Value, K>(piece));
    }
    batches.flush();
  });
  for_each_plain(layout, [&](const Batch<Piece>& batch) {
    launch_items(settle_plain<Value>,
                 {batch, static_cast<const Value*>(factors.first), residual, result}, stream);
  });
}

}  // namespace
}  // namespace skimp::cuda::lowrank

namespace kernels = skimp::cuda::lowrank;
using skimp::DeviceStatus;
using skimp::DeviceStream;
using skimp::EncodeJob;
using skimp::lowrank::Layout;

skimp_status skimp_cuda_lowrank_sketch(DeviceStream stream, const Layout& layout,
                                       const EncodeJob& job, void* first, DeviceStatus* status) {
  return kernels::on_device(stream, job, [&](auto value) {
    kernels::sketch(stream, layout, job, static_cast<decltype(value)*>(first), status);
  });
}

skimp_status skimp_cuda_lowrank_project(DeviceStream stream, const Layout& layout,
                                        const EncodeJob& job, const void* first, void* p,
                                        void* second, DeviceStatus* status) {
  return kernels::on_device(stream, job, [&](auto value) {
    using Value = decltype(value);
    kernels::project(stream, layout, job, static_cast<const Value*>(first), static_cast<Value*>(p),
                     static_cast<Value*>(second), status);
  });
}

skimp_status skimp_cuda_lowrank_take(DeviceStream stream, const Layout& layout,
                                     const EncodeJob& job, const void* first) {
  return kernels::on_device(stream, job, [&](auto value) {
    kernels::take(stream, layout, job, static_cast<const decltype(value)*>(first));
  });
}

skimp_status skimp_cuda_lowrank_deliver(DeviceStream stream, const Layout& layout,
                                        const EncodeJob& job, const SkimpLowRankFactors& factors,
                                        const skimp::Output* output) {
  return kernels::on_device(stream, job, [&](auto value) {
    kernels::deliver<decltype(value)>(stream, layout, job, factors, output);
  });
}

skimp_status skimp_cuda_lowrank_remember(DeviceStream stream, const Layout& layout,
                                         const EncodeJob& job, const void* second) {
  return kernels::on_device(stream, job, [&](auto value) {
    using Value = decltype(value);
    if (job.memory_out == nullptr) return;
    const kernels::Workspace<Value> workspace(layout, job);
    kernels::orthonormalise_all<Value>(stream, layout, kernels::Side::q,
                                       {{},
                                        0,
                                        0,
                                        static_cast<const Value*>(second),
                                        workspace.columns,
                                        workspace.sums,
                                        nullptr,
                                        static_cast<Value*>(job.memory_out),
                                        Value{0}});
  });
}

skimp_status skimp_cuda_lowrank_shapes(DeviceStream stream, const Layout& layout,
                                       std::byte* payload) {
  return kernels::for_each_shape(stream, layout, [&](const auto& batch, std::uint64_t pieces) {
    kernels::launch_items(kernels::write_shapes, {batch, pieces, payload}, stream);
  });
}

skimp_status skimp_cuda_lowrank_check(DeviceStream stream, const Layout& layout,
                                      const std::byte* payload, DeviceStatus* status) {
  return kernels::for_each_shape(stream, layout, [&](const auto& batch, std::uint64_t pieces) {
    kernels::launch_items(kernels::check_shapes, {batch, pieces, payload, status}, stream);
  });
}
