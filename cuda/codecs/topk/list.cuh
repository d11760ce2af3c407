/// \file
/// The list of candidates: values above a bound, tile after tile as they came to be listed, in a
/// tile in index order. Most will be kept, so their tiles are left with what that would leave of
/// them: the one pass over the array writes most of the residual, whose elements would have to be
/// sought out later.
#pragma once

#include <cstdint>

#include "codecs/topk/values.h"
#include "cuda/codecs/topk/tiles.cuh"

namespace skimp::cuda {

/// What came to be listed.
struct Listed {
  std::uint64_t all;  ///< or would be, had the list the room
  bool fits;          ///< had it
};

/// Tiles list in turn in one of the list_parts.
template <class Value>
struct List {
  Value* values;
  std::uint16_t* places;  ///< in their tiles
  std::uint64_t* ranges;  ///< of the tiles: begin · 2^11 + length
  std::uint64_t* counts;  ///< of the parts
  std::uint64_t capacity;
  topk::Rounding<Value> rounding;

  static constexpr unsigned length_bits = 11;
  static_assert(tile_count<float> < 1u << length_bits && tile_count<float> <= 1u << 16);

  __device__ static unsigned length_of(std::uint64_t range) {
    return static_cast<unsigned>(range & ((1u << length_bits) - 1));
  }
  __device__ static std::uint64_t begin_of(std::uint64_t range) { return range >> length_bits; }

  /// What a part has, or would have, had it the room.
  __device__ std::uint64_t& count_of(unsigned part) const {
    return counts[part * (topk::count_bytes / sizeof(std::uint64_t))];
  }
  __device__ std::uint64_t room() const { return capacity / topk::list_parts; }

  /// What is left of a listed value in its tile.
  __device__ Value rest(Value value) const { return rest_of(value, rounding(value)); }

  /// Moves the values of the `index`-th tile whose keys exceed `bound` here, and leaves their
  /// rests, unless there is no room; they are counted anyway.
  template <class Element>
  __device__ void append(Tile<Element>& tile, std::uint64_t index, topk::KeyOf<Value> bound) const {
    constexpr unsigned each = Tile<Element>::each;
    const unsigned flags = tile.flags([&](auto key) { return key > bound; });
    const unsigned n = warp_sum(static_cast<unsigned>(popcount(flags)));
    const auto part = static_cast<unsigned>(index % topk::list_parts);
    std::uint64_t to = 0;
    if (lane() == 0) {
      if (n > 0) to = add_to(&count_of(part), n);
      ranges[index] = to + n <= room() ? (part * room() + to) << length_bits | n : 0;
    }
    to = __shfl_sync(all_lanes, to, 0);
    if (n == 0 || to + n > room()) return;
    to += part * room();
    SKIMP_UNROLL
    for (unsigned g = 0; g < Tile<Element>::groups; ++g) {
      const unsigned bits = bits_of_group<each>(flags, g);
      if (__ballot_sync(all_lanes, bits != 0) == 0) continue;
      const Ranks ranks = ranks_of<each>(bits);
      std::uint64_t mine = to + ranks.before;
      SKIMP_UNROLL
      for (unsigned j = 0; j < each; ++j) {
        if ((bits >> j & 1) == 0) continue;
        values[mine] = tile.values[g][j];
        tile.values[g][j] = rest(tile.values[g][j]);
        places[mine] = static_cast<std::uint16_t>(tile.place_of(g) + j);
        ++mine;
      }
      to += ranks.all;
    }
  }

  /// Puts the values of the `index`-th tile back to `to`, where their rests are.
  __device__ void restore(std::uint64_t index, Value* to) const {
    const std::uint64_t begin = begin_of(ranges[index]);
    const unsigned n = length_of(ranges[index]);
    for (unsigned i = lane(); i < n; i += warp_size) {
      to[index * tile_count<Value> + places[begin + i]] = values[begin + i];
    }
  }

  /// For a whole warp to call, once all have appended.
  __device__ Listed listed() const {
    std::uint64_t all = 0, most = 0;
    for (unsigned part = lane(); part < topk::list_parts; part += warp_size) {
      const std::uint64_t n = count_of(part);
      all += n;
      most = n > most ? n : most;
    }
    return {warp_sum(all), warp_max(most) <= room()};
  }

  /// Calls visit(valid, value) for all values, shared out among the first warps of the grid; for
  /// all lanes at once. Among so few that most have several pieces: what blocks find is added up.
  template <class Visit>
  __device__ void for_each_value(Visit&& visit) const {
    constexpr unsigned ahead = 16, piece = ahead * warp_size, pieces_each = 4;
    const std::uint64_t pieces = divide_up(room(), piece) * topk::list_parts;
    const std::uint64_t wanted = divide_up(pieces, pieces_each);
    const std::uint64_t warps = wanted < pieces_at_once() ? wanted : pieces_at_once();
    if (first_piece() >= warps) return;
    for (std::uint64_t index = first_piece(); index < pieces; index += warps) {
      const auto part = static_cast<unsigned>(index % topk::list_parts);
      const std::uint64_t begin = index / topk::list_parts * piece, end = count_of(part);
      if (begin >= end) continue;
      Value read[ahead];
      SKIMP_UNROLL
      for (unsigned j = 0; j < ahead; ++j) {
        const std::uint64_t i = begin + j * warp_size + lane();
        read[j] = i < end ? values[part * room() + i] : Value{0};
      }
      SKIMP_UNROLL
      for (unsigned j = 0; j < ahead; ++j) visit(begin + j * warp_size + lane() < end, read[j]);
    }
  }
};

}  // namespace skimp::cuda
