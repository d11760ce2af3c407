/// \file
/// Kernels that find the k-th largest key: a guess, one pass over the array that lists what exceeds
/// it, and histograms of the list; of the whole array where the guess missed.
#pragma once

#include <cstdint>

#include "codecs/topk/guess.h"
#include "cuda/codecs/topk/list.cuh"
#include "cuda/codecs/topk/search.cuh"
#include "cuda/codecs/topk/tiles.cuh"

namespace skimp::cuda {

/// Shared memory of the kernels here: scratch, then the bins of a digit.
__device__ inline SearchScratch& search_scratch() {
  return *reinterpret_cast<SearchScratch*>(shared_memory());
}
inline constexpr unsigned scratch_bytes = 320;
static_assert(sizeof(SearchScratch) <= scratch_bytes);
__device__ inline unsigned* shared_bins() {
  return reinterpret_cast<unsigned*>(shared_memory() + scratch_bytes);
}
inline constexpr unsigned scratch_and_bins_bytes = scratch_bytes + bin_count * sizeof(unsigned);

__device__ inline void clear_bins(unsigned* bins) {
  for (unsigned i = threadIdx.x; i < bin_count; i += blockDim.x) bins[i] = 0;
}

/// Begins a search, and puts an evenly spaced sample where the list will be. Its values are far
/// apart, and many blocks have more reads under way than the one that looks at them.
template <class Element>
__global__ void sample(Values<Element> values, topk::GuessShape shape,
                       Search<ValueOf<Element>>* search, std::uint64_t* all_bins,
                       List<ValueOf<Element>> list) {
  for (std::uint64_t i = first_item(); i < bin_count; i += items_at_once()) all_bins[i] = 0;
  if (first_item() == 0) *search = Search<ValueOf<Element>>{};
  if (shape.capacity == 0) return;
  if (first_item() < topk::list_parts) list.count_of(static_cast<unsigned>(first_item())) = 0;
  const std::uint64_t step = shape.step(values.count);
  for (std::uint64_t i = first_item(); i < shape.sampled; i += items_at_once()) {
    list.values[i] = values.at(i * step);
  }
}

/// Of the one block that guesses, while all others wait.
inline constexpr unsigned guess_threads = most_block_warps * warp_size;

/// One block: guesses a bound by the shape's rank in the sample; below Inf, so that every NaN and
/// Inf is listed, and not below zero.
template <class Value>
__global__ void __launch_bounds__(guess_threads)
    guess(topk::GuessShape shape, Search<Value>* search, List<Value> list) {
  using Key = topk::KeyOf<Value>;
  constexpr unsigned each = topk::most_sample_bytes / sizeof(Value) / guess_threads;
  Key keys[each];
  SKIMP_UNROLL
  for (unsigned j = 0; j < each; ++j) {
    const unsigned i = threadIdx.x + j * guess_threads;
    keys[j] = i < shape.sampled ? topk::key_of(list.values[i]) : Key{-1};  // of no digit
  }
  const Key infinity = topk::infinity_key<Value>;
  auto range = KeyRange<Value>::of(0, static_cast<Key>(infinity + 1), shape.rank);
  while (range.unknown > 0) {
    clear_bins(shared_bins());
    __syncthreads();
    Tally tally(shared_bins());
    SKIMP_UNROLL
    for (unsigned j = 0; j < each; ++j) tally.count(range.digit_of(keys[j]));
    tally.flush();
    __syncthreads();
    const Digit found = find_digit(shared_bins(), range.rank, search_scratch());
    range.narrow(found.digit, found.rank);
  }
  if (threadIdx.x == 0) {
    const Key bound = range.least() - 1;
    search->bound = bound < 0 ? 0 : bound < infinity ? bound : infinity - 1;
  }
}

/// The one pass over input and residual: writes the sums to `sums` (null: nowhere), lists those
/// above the guess, of which it writes the rests, notes the largest; and then judges the guess.
template <class Element>
__global__ void __launch_bounds__(block_threads)
    survey(Values<Element> values, ValueOf<Element>* sums, bool sums_aligned,
           List<ValueOf<Element>> list, std::uint64_t k, Search<ValueOf<Element>>* search,
           DeviceStatus* status) {
  using Value = ValueOf<Element>;
  using Key = topk::KeyOf<Value>;
  const Key bound = search->bound, infinity = topk::infinity_key<Value>;
  Key largest = 0;
  bool nonfinite = false;
  for_each_tile<Value>(values.count, [&](std::uint64_t index) {
    Tile<Element> tile;
    tile.load(values, index);
    Key most = 0;
    tile.for_each_key([&](Key key, unsigned) { most = key > most ? key : most; });
    if (most >= infinity) {
      nonfinite = true;
      most = 0;
      tile.for_each_key(
          [&](Key key, unsigned) { most = key > most && key < infinity ? key : most; });
    }
    largest = most > largest ? most : largest;
    if (list.capacity > 0) list.append(tile, index, bound);
    if (sums != nullptr) tile.store(sums, sums_aligned, index);
  });
  largest = warp_max(largest);
  if (lane() == 0) raise_to(&search->largest, largest);
  if (nonfinite) atomicOr(&search->nonfinite, 1u);
  if (!is_last_block(&search->arrived, &search_scratch().last_block)) return;
  if (threadIdx.x >= warp_size) return;
  const bool guessed = list.capacity > 0;
  const Listed listed = guessed ? list.listed() : Listed{0, false};
  if (threadIdx.x == 0) judge(*search, k, guessed, listed, status);
}

/// Where the guess has missed, puts the sums that are listed back in place of their rests: they
/// will be read.
template <class Value>
__global__ void __launch_bounds__(block_threads)
    restore(List<Value> list, std::uint64_t count, const Search<Value>* search, Value* sums) {
  if (search->rests != 0) return;
  for_each_tile<Value>(count, [&](std::uint64_t index) { list.restore(index, sums); });
}

/// Counts the next digit of the keys that are still in question, in the list or in the array, and
/// then takes it.
template <class Element>
__global__ void __launch_bounds__(block_threads)
    count_digits(Values<Element> values, List<ValueOf<Element>> list, std::uint64_t k,
                 Search<ValueOf<Element>>* search, std::uint64_t* all_bins) {
  using Value = ValueOf<Element>;
  const KeyRange<Value> range = search->range;
  if (range.unknown == 0) return;
  unsigned* bins = shared_bins();
  clear_bins(bins);
  __syncthreads();
  Tally tally(bins);
  if (search->in_list != 0) {
    list.for_each_value([&](bool valid, Value value) {
      tally.count(valid ? range.digit_of(topk::key_of(value)) : -1);
    });
  } else {
    for_each_tile<Value>(values.count, [&](std::uint64_t index) {
      Tile<Element> tile;
      tile.load(values, index);
      // Zeros beyond the end change nothing: whatever is sought is not below them.
      tile.for_each_key([&](auto key, unsigned) { tally.count(range.digit_of(key)); });
    });
  }
  tally.flush();
  __syncthreads();
  for (unsigned i = threadIdx.x; i < bin_count; i += block_threads) {
    if (bins[i] > 0) add_to(all_bins + i, bins[i]);
  }
  if (!is_last_block(&search->arrived, &search_scratch().last_block)) return;
  take_digit(*search, all_bins, k, list, search_scratch());
}

/// Makes the list anew, once a bound is known that is not guessed.
template <class Element>
__global__ void __launch_bounds__(block_threads)
    relist(Values<Element> values, List<ValueOf<Element>> list, Search<ValueOf<Element>>* search) {
  using Value = ValueOf<Element>;
  if (search->relist == 0) return;
  const auto bound = search->bound;
  for_each_tile<Value>(values.count, [&](std::uint64_t index) {
    Tile<Element> tile;
    tile.load(values, index);
    list.append(tile, index, bound);
  });
  if (!is_last_block(&search->arrived, &search_scratch().last_block)) return;
  if (threadIdx.x >= warp_size) return;
  const Listed listed = list.listed();
  if (threadIdx.x != 0) return;
  search->in_list = listed.fits;  // or digits are counted in the array again
  search->relist = 0;
}

}  // namespace skimp::cuda
