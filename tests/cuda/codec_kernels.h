// The text of every codec but low-rank, and the kernels that do the same; some at random.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>

#include "cuda/codecs/quantize.cu"
#include "cuda/codecs/sign.cu"
#include "cuda/codecs/topk/topk_decode.cu"
#include "cuda/codecs/topk/topk_encode.cu"
#include "cuda/codecs/transfer.cu"
#include "tests/cuda/arrays.h"

namespace {

using skimp::DecodeJob;
using skimp::DeviceStatus;
using skimp::EncodeJob;

/// A codec's text and its kernels.
struct Kernels {
  std::string text;
  std::function<skimp_status(const EncodeJob&, DeviceStatus*)> encode;
  std::function<skimp_status(const DecodeJob&, DeviceStatus*)> decode;
  std::function<skimp::DeviceWorkspaceBytes(std::uint64_t, DType)> workspace_bytes =
      [](std::uint64_t, DType) { return skimp::DeviceWorkspaceBytes{}; };
};

Kernels sign(std::uint64_t block) {
  return {
      skimp::text("sign(block=", block, ")"),
      [=](auto& job, auto* status) { return skimp_cuda_sign_encode(stream, job, block, status); },
      [=](auto& job, auto* status) { return skimp_cuda_sign_decode(stream, job, block, status); }};
}

Kernels quantize(const skimp::QuantizeArguments& arguments) {
  const std::string shape =
      skimp::text("quantize(bits=", arguments.bits, ",block=", arguments.block, ",rounding=");
  return {shape + (arguments.stochastic ? skimp::text("stochastic,seed=", arguments.seed, ")")
                                        : std::string("nearest)")),
          [=](auto& job, auto* status) {
            return skimp_cuda_quantize_encode(stream, job, arguments, status);
          },
          [=](auto& job, auto* status) {
            return skimp_cuda_quantize_decode(stream, job, arguments, status);
          }};
}

/// What identity does is a transfer in either direction.
Kernels identity() {
  return {"identity",
          [](const EncodeJob& job, DeviceStatus* status) {
            const skimp::Transfer transfer{
                .input = job.input,
                .dtype = job.dtype,
                .residual = job.residual_in,
                .count = job.count,
                .output = {.data = job.payload, .dtype = job.dtype},
                .rest = {.data = job.residual_out, .dtype = accumulator_of(job.dtype)}};
            return skimp_cuda_transfer(stream, transfer, status);
          },
          [](const DecodeJob& job, DeviceStatus*) {
            const skimp::Transfer transfer{
                .input = job.payload, .dtype = job.dtype, .count = job.count, .output = job.output};
            return skimp_cuda_transfer(stream, transfer, nullptr);
          }};
}

Kernels topk(double density, skimp::topk::Format format) {
  const auto kept = [=](std::uint64_t count) {
    const double k = std::floor(density * static_cast<double>(count) + 0.5);
    return std::min(std::max(static_cast<std::uint64_t>(k), std::uint64_t{1}), count);
  };
  const auto arguments = [=](std::uint64_t count, DType dtype) {
    return skimp::topk::KernelArguments{{count, kept(count), format, dtype}, format};
  };
  return {skimp::text("topk(density=", density, ",values=", name_of(format), ")"),
          [=](auto& job, auto* status) {
            return skimp_cuda_topk_encode(stream, job, arguments(job.count, job.dtype), status);
          },
          [=](auto& job, auto* status) {
            return skimp_cuda_topk_decode(stream, job, arguments(job.count, job.dtype), status);
          },
          [=](std::uint64_t count, DType dtype) {
            return skimp::topk::device_workspace_bytes(count, kept(count), dtype);
          }};
}

Kernels random_topk(Random& random) {
  const double densities[] = {0.0001, 0.01, 0.1, 0.2, 0.5, 1};
  return topk(densities[random.below(6)], static_cast<skimp::topk::Format>(random.below(3)));
}

Kernels random_kernels(Random& random) {
  if (random.one_in(2)) return random_topk(random);
  if (random.one_in(5)) return identity();
  const std::uint64_t block = 32 * (1 + random.below(random.one_in(4) ? 256 : 4));
  if (random.one_in(3)) return sign(block);
  const int bits[] = {8, 4, 3, 2};
  return quantize({bits[random.below(4)], block, random.one_in(2), random.below(1u << 20)});
}

}  // namespace
