#include "feedback/pruning.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/float_environment.h"
#include "base/isa.h"
#include "codecs/largest.h"
#include "codecs/registry.h"
#include "device/buffer.h"

namespace skimp {
namespace {

/// Elements that pass through a codec at once, where it sees blocks only.
constexpr std::uint64_t piece_elements = 65536;

/// By bits: what is pruned becomes +0, whatever it was.
template <class Bits>
void copy_masked(const std::uint8_t* mask, const std::byte* input, std::byte* output,
                 std::uint64_t count) {
  on_isa([=](auto) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const Bits bits = load<Bits>(input + i * sizeof(Bits));
      store(output + i * sizeof(Bits), mask[i] != 0 ? bits : Bits{0});
    }
  });
}

void copy_masked(const std::uint8_t* mask, const std::byte* input, std::byte* output,
                 std::uint64_t count, DType dtype) {
  switch (bytes_of(dtype)) {
    case 2: return copy_masked<std::uint16_t>(mask, input, output, count);
    case 4: return copy_masked<std::uint32_t>(mask, input, output, count);
    default: return copy_masked<std::uint64_t>(mask, input, output, count);
  }
}

/// Masked values through the codec, piece by piece while they are in the cache.
void copy_coded(const Codec& codec, const std::uint8_t* mask, const std::byte* input,
                std::byte* output, std::uint64_t count, DType dtype) {
  const std::uint64_t piece =
      codec.traits().blockwise ? divide_up(piece_elements, codec.block()) * codec.block() : count;
  const std::uint64_t most = std::min(piece, count);
  const Buffer masked(most * bytes_of(dtype));
  const Buffer payload(codec.payload_bytes(most, dtype));
  const Buffer workspace(codec.workspace_bytes(most, dtype));
  for (std::uint64_t begin = 0; begin < count; begin += piece) {
    EncodeJob job;
    job.count = std::min(piece, count - begin);
    job.dtype = dtype;
    job.input = masked.data();
    job.payload = payload.data();
    job.workspace = workspace.data();
    job.first_element = begin;
    copy_masked(mask + begin, input + begin * bytes_of(dtype), masked.data(), job.count, dtype);
    const Encoded encoded = codec.encode(job);
    codec.decode({payload.data(), encoded.bytes}, job.count, dtype,
                 {.data = output + begin * bytes_of(dtype), .dtype = dtype});
  }
}

/// Makes the mask that of rank 0: how many elements differ from one that all ranks share (null: of
/// ones), then which, by top-k.
void share(std::uint8_t* mask, const std::uint8_t* before, std::uint64_t count,
           const Pruning::Broadcast& broadcast) {
  const auto kept_before = [=](std::uint64_t i) { return before == nullptr || before[i] != 0; };
  const Buffer memory(count * sizeof(float));
  auto* changed = memory.as<float>();
  std::uint64_t changes = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const bool differs = (mask[i] != 0) != kept_before(i);
    changed[i] = differs ? 1.0f : 0.0f;
    changes += differs;
  }
  auto of_rank_0 = static_cast<double>(changes);
  broadcast(&of_rank_0, 1, DType::float64, codec_from_text("identity"));
  const auto k = static_cast<std::uint64_t>(of_rank_0);
  if (k > 0) {
    const CodecPtr topk = codec_from_text(text("topk(k=", k, ",values=float16)"));
    broadcast(changed, count, DType::float32, topk);
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    mask[i] = kept_before(i) != (k > 0 && changed[i] != 0);
  }
}

}  // namespace

void Pruning::require_valid() const {
  require(sparsity >= 0 && sparsity < 1, "pruning: sparsity = ", sparsity,
          " is not from 0 to below 1");
  require(period >= 1, "pruning: period = ", period, " is not 1 or more");
  require(warm_up >= 0, "pruning: warm_up = ", warm_up, " is not 0 or more");
}

double Pruning::sparsity_at(std::uint64_t step) const {
  if (step >= static_cast<std::uint64_t>(warm_up)) return sparsity;
  const double left = 1 - static_cast<double>(step) / static_cast<double>(warm_up);
  return sparsity * (1 - left * left * left);
}

void Pruning::step(const void* input, void* output, std::uint64_t count, DType dtype,
                   std::uint8_t* mask, std::uint64_t step, const Broadcast& broadcast) const {
  const FloatEnvironment float_environment;
  const auto* from = static_cast<const std::byte*>(input);
  auto* to = static_cast<std::byte*>(output);
  Buffer fresh;
  const std::uint8_t* current = mask;
  if (step % static_cast<std::uint64_t>(period) == 0) {
    fresh = Buffer(count);
    auto* made = fresh.as<std::uint8_t>();
    const auto pruned = static_cast<std::uint64_t>(sparsity_at(step) * static_cast<double>(count));
    mark_largest(input, count, dtype, count - pruned, made);
    if (broadcast != nullptr) share(made, step == 0 ? nullptr : mask, count, broadcast);
    current = made;
  }
  if (precision == nullptr) {
    copy_masked(current, from, to, count, dtype);
  } else {
    copy_coded(*precision, current, from, to, count, dtype);
  }
  if (current != mask && count > 0) std::memcpy(mask, current, count);
}

}  // namespace skimp
