/// \file
/// TopK encoded on a device, as src/codecs/topk/topk.h describes it: the steps are kernels, all of
/// them queued without waiting for what the guess was worth. What it decides is in the device's
/// memory, and a kernel that need not run returns at once.
///
/// 1. `guess` a bound from a `sample`.
/// 2. `survey`: one pass adds input and residual, writes the sums, lists those above the bound and
///    writes in their places what they would leave if kept; `restore` undoes that after a miss.
/// 3. `count_digits`, thrice (6 times for double): the k-th key by histograms of the list. If the
///    guess has missed they go over the array, until a digit tells a bound with which the list has
///    room; `relist` makes it anew, and the other digits are those of the list again.
/// 4. `count_kept` says how much each row of tiles keeps; `write_kept` writes values, indices, and
///    the rests that are not there yet, in order.
/// 5. `write_indices` codes those; `clear_nonfinite`, if there is something to clear.
///
/// A hit reads input and residual once and writes the residual once; a miss reads the sums twice
/// more, or 3 to 5 times where too many values are alike for the list.
#include "codecs/topk/kernels.h"
#include "cuda/codecs/topk/keep.cuh"
#include "cuda/codecs/topk/strings.cuh"

namespace skimp::cuda {
namespace {

/// Writes the indices' part of a payload.
__global__ void write_indices(IndexShape shape, const std::uint64_t* indices, std::byte* to) {
  if (shape.coding == IndexCoding::words) {
    const BitString<std::byte> words{to, shape.bytes};
    for (std::uint64_t j = first_item(); j < shape.k; j += items_at_once()) {
      words.put_word(j, static_cast<std::uint32_t>(indices[j]));
    }
    return;
  }
  const Strings<std::byte> strings(shape, to);
  const std::uint64_t low_words = strings.low.words(), high_words = strings.high.words();
  for (std::uint64_t i = first_item(); i < low_words + high_words; i += items_at_once()) {
    if (i < low_words) {
      strings.low.put_word(i, low_word(shape, indices, i));
    } else {
      strings.high.put_word(i - low_words, high_word(shape, indices, i - low_words));
    }
  }
}

/// Of kernels that add up histograms there must not be many blocks.
constexpr unsigned one_turn = 1;

template <class Value>
class Encode {
 public:
  Encode(const DeviceStream& stream, const EncodeJob& job, const topk::KernelArguments& arguments,
         DeviceStatus* status)
      : stream_(stream),
        job_(job),
        layout_(arguments.layout),
        format_(arguments.format),
        at_(job.count, layout_.indices.k, sizeof(Value)),
        list_{part<Value>(at_.values),
              part<std::uint16_t>(at_.places),
              part<std::uint64_t>(at_.ranges),
              part<std::uint64_t>(at_.counts),
              at_.guess.capacity,
              topk::Rounding<Value>(format_)},
        search_(part<Search<Value>>(0)),
        bins_(part<std::uint64_t>(at_.bins)),
        status_(status) {
    require(is_aligned(job.payload) && is_aligned(job.workspace),
            "cuda: the payload or the workspace is not aligned to 16 bytes");
  }

  template <class Element>
  void queue() const {
    const auto* input = static_cast<const Element*>(job_.input);
    const auto* residual = static_cast<const Value*>(job_.residual_in);
    auto* sums = static_cast<Value*>(job_.residual_out);
    const Values<Element> values{input, residual, job_.count,
                                 is_aligned(input) && is_aligned(residual)};
    const bool guesses = at_.guess.capacity > 0;
    over_items(sample<Element>, at_.guess.sampled, values, at_.guess, search_, bins_, list_);
    if (guesses) {
      launch(guess<Value>, {1, most_block_warps, scratch_and_bins_bytes}, stream_, at_.guess,
             search_, list_);
    }
    over_tiles(survey<Element>, many_turns, values, sums, is_aligned(sums), list_,
               layout_.indices.k, search_, status_);
    if (layout_.indices.k > 0) {
      if (sums == nullptr) {
        queue_selection(values);
      } else {
        if (guesses) over_tiles(restore<Value>, one_turn, list_, job_.count, search_, sums);
        queue_selection(Values<Value>{sums, nullptr, job_.count, is_aligned(sums)});
      }
    }
    if (sums != nullptr) over_items(clear_nonfinite<Value>, job_.count, search_, sums, job_.count);
  }

 private:
  template <class T>
  T* part(std::uint64_t begin) const {
    return reinterpret_cast<T*>(job_.workspace + begin);
  }

  template <class Element>
  void queue_selection(const Values<Element>& values) const {
    const IndexShape& indices = layout_.indices;
    constexpr int key_bits = 8 * sizeof(Value) - 1;
    for (int bits = 0; bits < key_bits; bits += digit_bits) {
      over_tiles(count_digits<Element>, one_turn, values, list_, indices.k, search_, bins_);
      if (list_.capacity > 0) over_tiles(relist<Element>, one_turn, values, list_, search_);
    }
    auto* totals = part<Totals>(at_.totals);
    auto* kept = part<std::uint64_t>(at_.kept);
    over_rows(count_kept<Element>, values, list_, totals, search_);
    const Kept<Value> to{job_.payload + layout_.values_begin, format_,
                         static_cast<Value*>(job_.residual_out), kept};
    auto* exponent = layout_.scaled ? reinterpret_cast<std::int32_t*>(job_.payload) : nullptr;
    over_rows(write_kept<Element>, values, list_, totals, search_, to, exponent);
    over_items(write_indices, divide_up(indices.bytes, 4), indices, kept,
               job_.payload + layout_.indices_begin);
  }

  template <class... Parameters, class... Arguments>
  void over_tiles(void (*kernel)(Parameters...), unsigned turns,
                  const Arguments&... arguments) const {
    const Grid grid =
        resident_grid(kernel, at_.tiles, scratch_and_bins_bytes, turns, stream_.device);
    launch(kernel, grid, stream_, Parameters(arguments)...);
  }
  template <class... Parameters, class... Arguments>
  void over_rows(void (*kernel)(Parameters...), const Arguments&... arguments) const {
    const Grid grid = resident_grid(kernel, at_.rows, scratch_bytes, many_turns, stream_.device);
    launch(kernel, grid, stream_, Parameters(arguments)...);
  }
  template <class... Parameters, class... Arguments>
  void over_items(void (*kernel)(Parameters...), std::uint64_t items,
                  const Arguments&... arguments) const {
    const Grid grid =
        resident_grid(kernel, divide_up(items, warp_size), 0, one_turn, stream_.device);
    launch(kernel, grid, stream_, Parameters(arguments)...);
  }

  const DeviceStream& stream_;
  const EncodeJob& job_;
  const topk::Layout& layout_;
  topk::Format format_;
  topk::EncodeWorkspace at_;
  List<Value> list_;
  Search<Value>* search_;
  std::uint64_t* bins_;
  DeviceStatus* status_;
};

}  // namespace
}  // namespace skimp::cuda

skimp_status skimp_cuda_topk_encode(skimp::DeviceStream stream, const skimp::EncodeJob& job,
                                    const skimp::topk::KernelArguments& arguments,
                                    skimp::DeviceStatus* status) {
  return skimp::cuda::guard_on(stream, [&](cudaStream_t) {
    if (job.count == 0) return;
    skimp::visit_dtype(job.dtype, [&](auto element) {
      using Element = decltype(element);
      using Value = typename skimp::Accumulator<Element>::type;
      skimp::cuda::Encode<Value>(stream, job, arguments, status).template queue<Element>();
    });
  });
}
