#include "collectives/mix/step_size.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/float_environment.h"
#include "device/buffer.h"

namespace skimp {
namespace {

/// Two of the largest blocks.
constexpr std::uint64_t sample_elements = 16384;

/// Nearly normal values: sums of four uniform ones, which need no function that machines may
/// compute differently.
std::vector<float> normal_sample() {
  std::vector<float> sample(sample_elements);
  for (std::uint64_t i = 0; i < sample_elements; ++i) {
    const auto words = draw(0, {}, i);
    float sum = -2;
    for (const std::uint32_t word : words) sum += static_cast<float>(word >> 8) * 0x1p-24f;
    sample[i] = sum;
  }
  return sample;
}

/// 1 − ‖x − decode(encode(x))‖² / ‖x‖².
double delivered_of_normal(const Codec& codec) {
  const FloatEnvironment float_environment;
  const std::vector<float> sample = normal_sample();
  std::vector<float> residual(sample_elements);
  const Buffer payload(codec.payload_bytes(sample_elements, DType::float32));
  const Buffer workspace(codec.workspace_bytes(sample_elements, DType::float32));
  EncodeJob job;
  job.input = sample.data();
  job.count = sample_elements;
  job.residual_out = residual.data();
  job.payload = payload.data();
  job.workspace = workspace.data();
  codec.encode(job);
  double whole = 0, lost = 0;
  for (std::uint64_t i = 0; i < sample_elements; ++i) {
    whole += double{sample[i]} * double{sample[i]};
    lost += double{residual[i]} * double{residual[i]};
  }
  return 1 - lost / whole;
}

/// The part of the squared norm of `count` values that a payload delivers.
double delivered_by(const Codec& codec, std::uint64_t count) {
  const std::uint64_t kept = codec.kept(count);
  if (kept < count) return static_cast<double>(kept) / static_cast<double>(count);
  const bool is_sparse = codec.kept(sample_elements) < sample_elements;
  if (is_sparse) return 1;
  try {
    return delivered_of_normal(codec);
  } catch (const Error& error) {  // A codec for arrays of one size cannot be tried on a sample.
    fail(error.status(), "mix: there is no default step_size for ", codec.text(), ", give one");
  }
}

}  // namespace

double default_step_size(const Codec& codec, std::uint64_t count, const Graph& graph) {
  if (codec.id() == CodecId::identity || count == 0) return 1;
  return delivered_by(codec, count) * std::min(1.0, 4.0 / 3.0 / graph.spread());
}

}  // namespace skimp
