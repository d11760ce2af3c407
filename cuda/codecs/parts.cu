/// \file
/// Many arrays to one buffer, and back, in a launch or a few: each warp takes one piece after the
/// other, of whichever array.
#include "codecs/parts.h"

#include <cstdint>
#include <type_traits>

#include "base/bytes.h"
#include "cuda/codecs/batch.cuh"
#include "cuda/device/launch.cuh"

namespace skimp::cuda {
namespace {

/// Elements of a piece.
constexpr unsigned piece_elements = 512;

struct PartAt {
  void* array;
  std::uint64_t count;
  DType dtype;
  std::uint64_t begin;  ///< in the buffer
};

/// Element is the part's type, Common the buffer's.
template <bool to_buffer, class Element, class Common>
__device__ void move_piece(const PartAt& part, std::uint64_t piece, Common* buffer) {
  auto* array = static_cast<Element*>(part.array);
  const std::uint64_t begin = piece * piece_elements, last = begin + piece_elements;
  const std::uint64_t end = last < part.count ? last : part.count;
  for (std::uint64_t i = begin + lane(); i < end; i += warp_size) {
    if constexpr (to_buffer) {
      buffer[part.begin + i] = convert<Common>(array[i]);
    } else {
      array[i] = convert<Element>(buffer[part.begin + i]);
    }
  }
}

template <bool to_buffer, class Common>
__global__ void move_parts(Batch<PartAt> batch, Common* buffer) {
  const std::uint64_t items = batch.ends[batch.count - 1];
  for (std::uint64_t item = first_piece(); item < items; item += pieces_at_once()) {
    const auto [part, piece] = batch.find(item);
    if constexpr (std::is_same_v<Common, float>) {
      if (part.dtype == DType::float16) {
        move_piece<to_buffer, Half>(part, piece, buffer);
        continue;
      }
      if (part.dtype == DType::bfloat16) {
        move_piece<to_buffer, BFloat16>(part, piece, buffer);
        continue;
      }
    }
    move_piece<to_buffer, Common>(part, piece, buffer);
  }
}

template <bool to_buffer, class Common>
void queue_parts(const DeviceStream& stream, const skimp_part* parts, std::uint64_t part_count,
                 Common* buffer, DType dtype) {
  auto batches = batches_of<PartAt>([&](const Batch<PartAt>& batch) {
    const auto kernel = move_parts<to_buffer, Common>;
    launch(kernel, grid_for(kernel, batch.items(), 0, stream.device), stream, batch, buffer);
  });
  std::uint64_t begin = 0;
  for (std::uint64_t i = 0; i < part_count; ++i) {
    const auto [array, count, its_dtype] = parts[i];
    const auto from = static_cast<DType>(its_dtype);
    if (from != dtype && !(dtype == DType::float32 && accumulator_of(from) == dtype)) {
      fail(SKIMP_UNSUPPORTED_TYPE, "parts: a buffer of ", name_of(dtype), " for an array of ",
           name_of(from));
    }
    batches.add({array, count, from, begin}, divide_up(count, piece_elements));
    begin += count;
  }
  batches.flush();
}

}  // namespace
}  // namespace skimp::cuda

skimp_status skimp_cuda_pack(skimp::DeviceStream stream, const skimp_part* parts,
                             std::uint64_t part_count, void* buffer, skimp::DType dtype) {
  return skimp::cuda::guard_on(stream, [&](cudaStream_t) {
    skimp::visit_dtype(dtype, [&](auto common) {
      skimp::cuda::queue_parts<true>(stream, parts, part_count,
                                     static_cast<decltype(common)*>(buffer), dtype);
    });
  });
}

skimp_status skimp_cuda_unpack(skimp::DeviceStream stream, const void* buffer, skimp::DType dtype,
                               const skimp_part* parts, std::uint64_t part_count) {
  return skimp::cuda::guard_on(stream, [&](cudaStream_t) {
    skimp::visit_dtype(dtype, [&](auto common) {
      using Common = decltype(common);
      auto* from = static_cast<Common*>(const_cast<void*>(buffer));  // read only
      skimp::cuda::queue_parts<false>(stream, parts, part_count, from, dtype);
    });
  });
}
