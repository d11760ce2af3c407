/// \file
/// Kernels that write what a threshold selects, in index order, from the list or from the array: a
/// warp takes a row of tiles. How much the rows before keep is counted first.
#pragma once

#include <cstdint>

#include "codecs/topk/values.h"
#include "cuda/codecs/topk/rows.cuh"
#include "cuda/codecs/topk/select.cuh"

namespace skimp::cuda {

/// Calls visit(index, tile) for the tiles of a row.
template <class Element, class Visit>
__device__ void for_each_tile_of(const Values<Element>& values, std::uint64_t row, Visit&& visit) {
  const std::uint64_t tiles = tiles_of<ValueOf<Element>>(values.count);
  for (unsigned i = 0; i < topk::row_tiles && row * topk::row_tiles + i < tiles; ++i) {
    Tile<Element> tile;
    tile.load(values, row * topk::row_tiles + i);
    visit(row * topk::row_tiles + i, tile);
  }
}

/// Calls visit(valid, index, value) for what is listed of a row of `tiles`, in index order, for all
/// lanes at once. A lane knows one tile's part of the list, and they search for theirs by shuffles.
template <class Value, class Visit>
__device__ void for_each_listed_of(const List<Value>& list, std::uint64_t row, std::uint64_t tiles,
                                   Visit&& visit) {
  static_assert(topk::row_tiles == warp_size);
  constexpr unsigned batch = 4;
  const std::uint64_t first_tile = row * topk::row_tiles;
  const bool inside = first_tile + lane() < tiles;
  const std::uint64_t range = inside ? list.ranges[first_tile + lane()] : 0;
  const auto length = List<Value>::length_of(range);
  const unsigned start = sum_of_lanes_before(length);
  const unsigned all = __shfl_sync(all_lanes, start + length, warp_size - 1);
  const std::uint64_t offset = List<Value>::begin_of(range) - start;  // modulo 2^64
  for (unsigned begin = 0; begin < all; begin += batch * warp_size) {
    Value values[batch];
    std::uint64_t indices[batch];
    SKIMP_UNROLL
    for (unsigned b = 0; b < batch; ++b) {
      const unsigned i = begin + b * warp_size + lane();
      unsigned tile = 0;
      for (unsigned bit = warp_size / 2; bit > 0; bit /= 2) {
        if (i >= __shfl_sync(all_lanes, start, tile + bit)) tile += bit;
      }
      const std::uint64_t at = __shfl_sync(all_lanes, offset, tile) + i;
      values[b] = i < all ? list.values[at] : Value{0};
      indices[b] = (first_tile + tile) * tile_count<Value> + (i < all ? list.places[at] : 0);
    }
    SKIMP_UNROLL
    for (unsigned b = 0; b < batch; ++b) {
      visit(begin + b * warp_size + lane() < all, indices[b], values[b]);
    }
  }
}

template <class Element>
__global__ void __launch_bounds__(block_threads)
    count_kept(Values<Element> values, List<ValueOf<Element>> list, Totals* totals,
               Search<ValueOf<Element>>* search) {
  using Value = ValueOf<Element>;
  const std::uint64_t tiles = tiles_of<Value>(values.count);
  const auto threshold = search->range.threshold();
  const bool in_list = search->in_list != 0;
  for_each_row(rows_of(tiles), [&](std::uint64_t row) {
    Totals mine{0, 0};
    if (in_list) {
      for_each_listed_of(list, row, tiles, [&](bool valid, std::uint64_t, Value value) {
        const auto key = topk::key_of(value);
        mine.kept += valid && key > threshold.key;
        mine.ties += valid && key == threshold.key;
      });
    } else {
      for_each_tile_of(values, row, [&](std::uint64_t, const Tile<Element>& tile) {
        const unsigned kept = tile.flags([&](auto key) { return key > threshold.key; });
        const unsigned ties = tile.flags([&](auto key) { return key == threshold.key; });
        mine.kept += static_cast<unsigned>(popcount(kept));
        mine.ties += static_cast<unsigned>(popcount(ties));
      });
    }
    mine = {warp_sum(mine.kept), warp_sum(mine.ties)};
    if (lane() == 0) totals[row] = mine;
  });
  SearchScratch& scratch = search_scratch();
  if (!is_last_block(&search->arrived, &scratch.last_block)) return;
  add_up_rows(totals, rows_of(tiles), threshold.ties, scratch.sums);
}

/// Where what is kept goes: coded to the payload's values, its rest to the residual, its index to
/// `indices`.
template <class Value>
struct Kept {
  std::byte* values;
  topk::Format format;
  Value* residual;  ///< null: not wanted
  std::uint64_t* indices;

  /// Entry j. Returns its rest.
  __device__ Value put(const topk::ValueCoding<Value>& coding, std::uint64_t j, std::uint64_t index,
                       Value value) const {
    indices[j] = index;
    switch (format) {
      case topk::Format::float16: return put_as<Half>(coding, j, value);
      case topk::Format::bfloat16: return put_as<BFloat16>(coding, j, value);
      default: return put_as<float>(coding, j, value);
    }
  }

  /// Leaves `rest` to the residual, where `there` is: it is written only where that is another, for
  /// a word in the midst of nothing takes as long as many side by side.
  __device__ void leave(std::uint64_t index, Value rest, Value there) const {
    if (residual == nullptr) return;
    if (std::bit_cast<BitsOf<Value>>(rest) == std::bit_cast<BitsOf<Value>>(there)) return;
    residual[index] = rest;
  }

 private:
  template <class Stored>
  __device__ Value put_as(const topk::ValueCoding<Value>& coding, std::uint64_t j,
                          Value value) const {
    const Stored stored = coding.template stored<Stored>(value);
    reinterpret_cast<Stored*>(values)[j] = stored;
    return rest_of(value, coding.loaded(stored));
  }
};

/// One row on its way: the numbers of entries and ties that came before.
template <class Value>
class RowWriter {
 public:
  __device__ RowWriter(const Kept<Value>& to, const topk::ValueCoding<Value>& coding,
                       const topk::Threshold<Value>& threshold, const Totals& before)
      : to_(to), coding_(coding), threshold_(threshold), before_(before) {}

  /// Takes a group: of each lane `each` values, which follow one another from `index` on, where
  /// `valid` has bits. The residual has there_of(value) of those.
  template <unsigned each, class There>
  __device__ void put(const Value (&values)[each], unsigned valid, std::uint64_t index,
                      There&& there_of) {
    const unsigned kept = kept_of<each>(values, valid);
    const Ranks ranks = ranks_of<each>(kept);
    std::uint64_t entry = before_.kept + ranks.before;
    SKIMP_UNROLL
    for (unsigned j = 0; j < each; ++j) {
      if ((valid >> j & 1) == 0) continue;
      const bool keep = (kept >> j & 1) != 0;
      const Value rest = keep ? to_.put(coding_, entry++, index + j, values[j]) : values[j];
      to_.leave(index + j, rest, there_of(values[j]));
    }
    before_.kept += ranks.all;
  }

 private:
  /// Bits of the values that are kept.
  template <unsigned each>
  __device__ unsigned kept_of(const Value (&values)[each], unsigned valid) {
    unsigned kept = 0, ties = 0;
    SKIMP_UNROLL
    for (unsigned j = 0; j < each; ++j) {
      const auto key = topk::key_of(values[j]);
      kept |= static_cast<unsigned>(key > threshold_.key) << j;
      ties |= static_cast<unsigned>(key == threshold_.key) << j;
    }
    kept &= valid;
    ties &= valid;
    if (__ballot_sync(all_lanes, ties != 0) == 0) return kept;
    const Ranks tied = ranks_of<each>(ties);
    std::uint64_t tie = before_.ties + tied.before;
    SKIMP_UNROLL
    for (unsigned j = 0; j < each; ++j) {
      if ((ties >> j & 1) == 0) continue;
      if (tie < threshold_.ties) kept |= 1u << j;
      ++tie;
    }
    before_.ties += tied.all;
    return kept;
  }

  const Kept<Value>& to_;
  const topk::ValueCoding<Value>& coding_;
  const topk::Threshold<Value>& threshold_;
  Totals before_;
};

template <class Element>
__global__ void __launch_bounds__(block_threads)
    write_kept(Values<Element> values, List<ValueOf<Element>> list, const Totals* totals,
               const Search<ValueOf<Element>>* search, Kept<ValueOf<Element>> to,
               std::int32_t* exponent_at) {
  using Value = ValueOf<Element>;
  const std::uint64_t tiles = tiles_of<Value>(values.count);
  const auto threshold = search->range.threshold();
  const auto exponent =
      topk::ValueCoding<Value>::exponent_for(to.format, std::bit_cast<Value>(search->largest));
  const topk::ValueCoding<Value> coding(to.format, exponent);
  const bool in_list = search->in_list != 0, rests = search->rests != 0;
  if (exponent_at != nullptr && first_item() == 0) *exponent_at = exponent;
  for_each_row(rows_of(tiles), [&](std::uint64_t row) {
    const Totals before = totals[row];
    // Of many ties the first are kept: most rows of an array that has them need not be read again.
    const bool last = row + 1 == rows_of(tiles);
    if (!in_list && !last && totals[row + 1].kept == before.kept) return;
    RowWriter<Value> writer(to, coding, threshold, before);
    if (in_list) {
      for_each_listed_of(list, row, tiles, [&](bool valid, std::uint64_t index, Value value) {
        const Value one[1] = {value};
        writer.put(one, valid, index, [&](Value x) { return rests ? list.rest(x) : x; });
      });
    } else {
      for_each_tile_of(values, row, [&](std::uint64_t index, const Tile<Element>& tile) {
        constexpr unsigned each = Tile<Element>::each;
        SKIMP_UNROLL
        for (unsigned g = 0; g < Tile<Element>::groups; ++g) {
          writer.put(tile.values[g], bits_of_group<each>(tile.valid, g),
                     index * tile_count<Value> + tile.place_of(g), [](Value x) { return x; });
        }
      });
    }
  });
}

/// More values may be NaN or Inf than are kept: no residual is.
template <class Value>
__global__ void clear_nonfinite(const Search<Value>* search, Value* residual, std::uint64_t count) {
  if (search->nonfinite == 0) return;
  for (std::uint64_t i = first_item(); i < count; i += items_at_once()) {
    if (!is_finite(residual[i])) residual[i] = 0;
  }
}

}  // namespace skimp::cuda
