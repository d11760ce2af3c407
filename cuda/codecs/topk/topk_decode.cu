/// \file
/// TopK decoded on a device: the output is cleared, unless added to, and each entry put into its
/// place. Where indices are bits, `count_bits` and `add_up` say which entries a row of words begins
/// with, and `place_bits` takes them from there; where they are numbers, `place_words`.
///
/// The payload is hostile. Nothing is read or written outside, whatever it says: an index is used
/// if it is below count, an entry if there are so many.
#include "base/bits.h"
#include "codecs/topk/kernels.h"
#include "cuda/codecs/elements.cuh"
#include "cuda/codecs/topk/rows.cuh"
#include "cuda/codecs/topk/strings.cuh"

namespace skimp::cuda {
namespace {

/// The entries of a payload, and where they go.
template <class Element>
struct Entries {
  using Value = typename Accumulator<Element>::type;

  IndexShape shape;
  topk::Format format;
  const std::int32_t* exponent;  ///< null: not scaled
  const std::byte* values;
  const std::byte* indices;
  Element* output;
  Delivery<Value> delivery;
  DeviceStatus* status;

  __device__ topk::ValueCoding<Value> coding() const {
    const std::int32_t e = exponent == nullptr ? 0 : *exponent;
    if (!topk::is_exponent(e)) report(status, exponent_status);
    return {format, topk::is_exponent(e) ? e : 0};
  }

  /// Entry j < k, whose index is below count.
  __device__ void put(const topk::ValueCoding<Value>& coding, std::uint64_t j,
                      std::uint64_t index) const {
    Element* to = output + index;
    *to = delivery.put(delivery.add ? *to : Element{}, value_of(coding, j));
  }

 private:
  __device__ Value value_of(const topk::ValueCoding<Value>& coding, std::uint64_t j) const {
    switch (format) {
      case topk::Format::float16: return coding.loaded(reinterpret_cast<const Half*>(values)[j]);
      case topk::Format::bfloat16:
        return coding.loaded(reinterpret_cast<const BFloat16*>(values)[j]);
      default: return coding.loaded(reinterpret_cast<const float*>(values)[j]);
    }
  }
};

template <class Element>
__global__ void place_words(Entries<Element> entries) {
  const auto coding = entries.coding();
  const BitString<const std::byte> words{entries.indices, entries.shape.bytes};
  bool intact = true;
  for (std::uint64_t j = first_item(); j < entries.shape.k; j += items_at_once()) {
    const std::uint64_t index = words.word(j);
    const bool in_order = j == 0 || words.word(j - 1) < index;
    const bool inside = index < entries.shape.count;
    intact &= in_order && inside;
    if (inside) entries.put(coding, j, index);
  }
  if (!intact) report(entries.status, index_status);
}

__global__ void count_bits(BitString<const std::byte> string, topk::BitRows rows, Totals* totals) {
  for_each_row(rows.number, [&](std::uint64_t row) {
    std::uint64_t bits = 0;
    const std::uint64_t end = std::min((row + 1) * rows.each, string.words());
    for (std::uint64_t w = row * rows.each + lane(); w < end; w += warp_size) {
      bits += static_cast<unsigned>(popcount(string.word(w)));
    }
    bits = warp_sum(bits);
    if (lane() == 0) totals[row] = {bits, 0};
  });
}

/// One block.
__global__ void __launch_bounds__(most_block_warps* warp_size)
    add_up(Totals* totals, std::uint64_t rows) {
  add_up_rows(totals, rows, 0, reinterpret_cast<std::uint64_t*>(shared_memory()));
}

/// The index of entry j, which sets bit `position`. High bits ascend by themselves: where those of
/// the entry before are the same, it has set the bit before, and low bits must tell. Returns count
/// where they do not.
__device__ inline std::uint64_t index_at(const IndexShape& shape,
                                         const Strings<const std::byte>& strings,
                                         std::uint64_t position, std::uint64_t j) {
  if (shape.coding == IndexCoding::bitmap) return position;
  const auto l = static_cast<unsigned>(shape.low_bits);
  const std::uint64_t low = strings.low.bits(j * l, l);
  if (j > 0 && strings.high.bits(position - 1, 1) != 0 && strings.low.bits((j - 1) * l, l) >= low) {
    return shape.count;
  }
  return (position - j) << l | low;
}

template <class Element>
__global__ void place_bits(Entries<Element> entries, topk::BitRows rows, const Totals* totals) {
  const auto coding = entries.coding();
  const IndexShape& shape = entries.shape;
  const Strings<const std::byte> strings(shape, entries.indices);
  bool intact = true;
  for_each_row(rows.number, [&](std::uint64_t row) {
    std::uint64_t before = totals[row].kept;
    const std::uint64_t end = std::min((row + 1) * rows.each, strings.high.words());
    for (std::uint64_t first = row * rows.each; first < end; first += warp_size) {
      const std::uint64_t w = first + lane();
      const std::uint32_t word = w < end ? strings.high.word(w) : 0;
      const auto n = static_cast<unsigned>(popcount(word));
      const unsigned mine = sum_of_lanes_before(n);
      std::uint64_t j = before + mine;
      for (std::uint32_t bits = word; bits != 0 && j < shape.k; bits &= bits - 1, ++j) {
        const std::uint64_t position = 32 * w + static_cast<unsigned>(countr_zero(bits));
        const std::uint64_t index = index_at(shape, strings, position, j);
        if (index < shape.count) {
          entries.put(coding, j, index);
        } else {
          intact = false;
        }
      }
      before += __shfl_sync(all_lanes, mine + n, warp_size - 1);
    }
    if (row == rows.number - 1) intact &= before == shape.k;
  });
  if (!intact) report(entries.status, index_status);
}

template <class Element>
void queue_entries(const DeviceStream& stream, const Entries<Element>& entries,
                   std::byte* workspace) {
  const IndexShape& shape = entries.shape;
  if (shape.coding == IndexCoding::words) {
    const std::uint64_t pieces = divide_up(shape.k, warp_size);
    launch(place_words<Element>, resident_grid(place_words<Element>, pieces, 0, 1, stream.device),
           stream, entries);
    return;
  }
  const Strings<const std::byte> strings(shape, entries.indices);
  const topk::BitRows rows(shape);
  auto* totals = reinterpret_cast<Totals*>(workspace);
  launch(count_bits, resident_grid(count_bits, rows.number, 0, 1, stream.device), stream,
         strings.high, rows, totals);
  const auto warps = static_cast<unsigned>(
      std::min<std::uint64_t>(divide_up(rows.number, warp_size), most_block_warps));
  launch(add_up, {1, warps, most_block_warps * sizeof(std::uint64_t)}, stream, totals, rows.number);
  launch(place_bits<Element>, resident_grid(place_bits<Element>, rows.number, 0, 1, stream.device),
         stream, entries, rows, static_cast<const Totals*>(totals));
}

/// Zero in every type.
void clear(cudaStream_t queue, const DecodeJob& job) {
  if (job.output.add) return;
  const std::size_t bytes = job.count * bytes_of(job.output.dtype);
  check(cudaMemsetAsync(job.output.data, 0, bytes, queue));
}

}  // namespace
}  // namespace skimp::cuda

skimp_status skimp_cuda_topk_decode(skimp::DeviceStream stream, const skimp::DecodeJob& job,
                                    const skimp::topk::KernelArguments& arguments,
                                    skimp::DeviceStatus* status) {
  return skimp::cuda::guard_on(stream, [&](cudaStream_t queue) {
    if (job.count == 0) return;
    skimp::require(skimp::cuda::is_aligned(job.payload) && skimp::cuda::is_aligned(job.workspace),
                   "cuda: the payload or the workspace is not aligned to 16 bytes");
    skimp::cuda::clear(queue, job);
    const skimp::topk::Layout& layout = arguments.layout;
    if (layout.indices.k == 0) return;
    skimp::visit_dtype(job.output.dtype, [&](auto element) {
      using Element = decltype(element);
      using Value = typename skimp::Accumulator<Element>::type;
      const auto* exponent = reinterpret_cast<const std::int32_t*>(job.payload);
      const skimp::cuda::Entries<Element> entries{layout.indices,
                                                  arguments.format,
                                                  layout.scaled ? exponent : nullptr,
                                                  job.payload + layout.values_begin,
                                                  job.payload + layout.indices_begin,
                                                  static_cast<Element*>(job.output.data),
                                                  skimp::cuda::Delivery<Value>(job.output),
                                                  status};
      skimp::cuda::queue_entries(stream, entries, job.workspace);
    });
  });
}
