/// \file
/// The values of a job in tiles, each in the registers of a warp: lane by lane 16 bytes of
/// elements, group after group. Whatever is done for the elements of a tile in index order goes
/// over its groups, in a group over the lanes, and in a lane over `each` elements.
#pragma once

#include <bit>
#include <cstdint>

#include "base/bits.h"
#include "base/bytes.h"
#include "codecs/topk/device_workspace.h"
#include "codecs/topk/element.h"
#include "cuda/codecs/elements.cuh"
#include "cuda/device/block.cuh"

namespace skimp::cuda {

/// What is to be encoded: input + residual, or the input alone where residual is null.
template <class Element>
struct Values {
  using Value = ValueOf<Element>;

  const Element* input;
  const Value* residual;
  std::uint64_t count;
  bool aligned;  ///< both to 16 bytes

  __device__ Value at(std::uint64_t i) const {
    const Value value = convert<Value>(input[i]);
    return residual == nullptr ? value : value + residual[i];
  }
};

/// Elements of a tile, whatever their type.
template <class Value>
inline constexpr unsigned tile_count = topk::tile_bytes / sizeof(Value);

template <class Value>
SKIMP_HOST_DEVICE std::uint64_t tiles_of(std::uint64_t count) {
  return divide_up(count, tile_count<Value>);
}

template <class Element>
struct Tile {
  using Value = ValueOf<Element>;
  using Key = topk::KeyOf<Value>;

  static constexpr unsigned each = at_once<Element>;
  static constexpr unsigned group = each * warp_size;
  static constexpr unsigned groups = tile_count<Value> / group;
  static_assert(groups * each <= 32, "a word has a bit for each value of a lane");

  Value values[groups][each];  ///< zeros beyond the end of the array
  unsigned valid;              ///< bit g · each + j: values[g][j] is an element

  /// Where in the tile this lane's first value of a group is.
  __device__ static unsigned place_of(unsigned g) { return g * group + lane() * each; }

  /// The `index`-th tile.
  __device__ void load(const Values<Element>& from, std::uint64_t index) {
    const std::uint64_t begin = index * tile_count<Value>;
    if (from.aligned && from.count - begin >= tile_count<Value>) {
      load_vectors(from, begin);
    } else {
      load_elements(from, begin);
    }
  }

  /// Writes the values to their places in `to`.
  __device__ void store(Value* to, bool aligned, std::uint64_t index) const {
    const std::uint64_t begin = index * tile_count<Value>;
    const bool whole = valid == whole_lane && aligned;
    SKIMP_UNROLL
    for (unsigned g = 0; g < groups; ++g) {
      Value* place = to + begin + place_of(g);
      if (whole) {
        Vector<Value, each> vector;
        SKIMP_UNROLL
        for (unsigned j = 0; j < each; ++j) vector.at[j] = values[g][j];
        store_vector(place, vector);
      } else {
        SKIMP_UNROLL
        for (unsigned j = 0; j < each; ++j) {
          if (valid >> (g * each + j) & 1) place[j] = values[g][j];
        }
      }
    }
  }

  /// Calls visit(key, bit) for this lane's keys, with bit g · each + j for values[g][j].
  template <class Visit>
  __device__ void for_each_key(Visit&& visit) const {
    SKIMP_UNROLL
    for (unsigned g = 0; g < groups; ++g) {
      SKIMP_UNROLL
      for (unsigned j = 0; j < each; ++j) visit(topk::key_of(values[g][j]), 1u << (g * each + j));
    }
  }

  /// The bits of the elements for whose keys `condition` holds.
  template <class Condition>
  __device__ unsigned flags(Condition&& condition) const {
    unsigned word = 0;
    for_each_key([&](Key key, unsigned bit) { word |= condition(key) ? bit : 0u; });
    return word & valid;
  }

 private:
  static constexpr unsigned whole_lane = ~0u >> (32 - groups * each);

  /// All are read before any is used: what is under way at once decides the speed.
  __device__ void load_vectors(const Values<Element>& from, std::uint64_t begin) {
    Vector<Element, each> elements[groups];
    SKIMP_UNROLL
    for (unsigned g = 0; g < groups; ++g) {
      elements[g] = load_vector<each>(from.input + begin + place_of(g));
    }
    if (from.residual == nullptr) {
      SKIMP_UNROLL
      for (unsigned g = 0; g < groups; ++g) {
        SKIMP_UNROLL
        for (unsigned j = 0; j < each; ++j) values[g][j] = convert<Value>(elements[g].at[j]);
      }
    } else {
      Vector<Value, each> rest[groups];
      SKIMP_UNROLL
      for (unsigned g = 0; g < groups; ++g) {
        rest[g] = load_vector<each>(from.residual + begin + place_of(g));
      }
      SKIMP_UNROLL
      for (unsigned g = 0; g < groups; ++g) {
        SKIMP_UNROLL
        for (unsigned j = 0; j < each; ++j) {
          values[g][j] = convert<Value>(elements[g].at[j]) + rest[g].at[j];
        }
      }
    }
    valid = whole_lane;
  }

  __device__ void load_elements(const Values<Element>& from, std::uint64_t begin) {
    valid = 0;
    SKIMP_UNROLL
    for (unsigned g = 0; g < groups; ++g) {
      SKIMP_UNROLL
      for (unsigned j = 0; j < each; ++j) {
        const std::uint64_t i = begin + place_of(g) + j;
        const bool inside = i < from.count;
        values[g][j] = inside ? from.at(i) : Value{0};
        valid |= static_cast<unsigned>(inside) << (g * each + j);
      }
    }
  }
};

/// Of the set bits among the low `each` of every lane's `flags`: how many the lanes before this one
/// have, and how many all.
struct Ranks {
  unsigned before;
  unsigned all;
};

template <unsigned each>
__device__ Ranks ranks_of(unsigned flags) {
  Ranks ranks{0, 0};
  SKIMP_UNROLL
  for (unsigned j = 0; j < each; ++j) {
    const unsigned word = __ballot_sync(all_lanes, flags >> j & 1);
    ranks.before += static_cast<unsigned>(popcount(word & lanes_before()));
    ranks.all += static_cast<unsigned>(popcount(word));
  }
  return ranks;
}

/// The low `each` bits of a group in a tile's flags.
template <unsigned each>
__device__ unsigned bits_of_group(unsigned flags, unsigned g) {
  return flags >> (g * each) & ((1u << each) - 1);
}

/// Calls visit(index) for every tile that is this warp's.
template <class Value, class Visit>
__device__ void for_each_tile(std::uint64_t count, Visit&& visit) {
  for (std::uint64_t i = first_piece(); i < tiles_of<Value>(count); i += pieces_at_once()) visit(i);
}

}  // namespace skimp::cuda
