/// \file
/// The shapes at the begin of a payload: the number of pieces, then rows and columns of each.
#pragma once

#include <cstdint>

#include "codecs/device_status.h"
#include "codecs/lowrank/layout.h"
#include "cuda/codecs/batch.cuh"
#include "cuda/codecs/elements.cuh"
#include "cuda/codecs/lowrank/plain.cuh"

namespace skimp::cuda::lowrank {

/// The shape of a piece, at a place in the payload.
struct ShapeAt {
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::uint64_t at = 0;
};

/// Calls visit(place, word) for the words that a batch is responsible for.
template <class Visit>
__device__ void for_each_word(const Batch<ShapeAt>& batch, std::uint64_t pieces, Visit&& visit) {
  for_each_value(batch, [&](const ShapeAt& shape, std::uint64_t i) {
    if (i == 0) visit(std::uint64_t{0}, pieces);
    if (i == 0) visit(shape.at, shape.rows);
    if (i == 1) visit(shape.at + 1, shape.columns);
  });
}

struct WriteShapesJob {
  Batch<ShapeAt> batch;
  std::uint64_t pieces;
  std::byte* payload;
};

__global__ void write_shapes(WriteShapesJob job) {
  auto* words = reinterpret_cast<std::uint64_t*>(job.payload);
  for_each_word(job.batch, job.pieces,
                [&](std::uint64_t place, std::uint64_t word) { words[place] = word; });
}

struct CheckShapesJob {
  Batch<ShapeAt> batch;
  std::uint64_t pieces;
  const std::byte* payload;
  DeviceStatus* status;
};

__global__ void check_shapes(CheckShapesJob job) {
  const auto* words = reinterpret_cast<const std::uint64_t*>(job.payload);
  for_each_word(job.batch, job.pieces, [&](std::uint64_t place, std::uint64_t word) {
    if (words[place] != word) report(job.status, shape_status);
  });
}

/// Calls launch(batch, pieces) with the shapes of a layout, on the stream's device.
template <class Launch>
skimp_status for_each_shape(const DeviceStream& stream, const skimp::lowrank::Layout& layout,
                            Launch&& launch_batch) {
  return guard_on(stream, [&](cudaStream_t) {
    const std::uint64_t pieces = layout.pieces().size();
    auto batches = batches_of<ShapeAt>([&](const auto& batch) { launch_batch(batch, pieces); });
    std::uint64_t at = 1;
    for (const Piece& piece : layout.pieces()) {
      batches.add({piece.rows, piece.columns, at}, 1);
      at += 2;
    }
    batches.flush();
  });
}

}  // namespace skimp::cuda::lowrank
