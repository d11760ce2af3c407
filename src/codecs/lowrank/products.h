/// \file
/// The three products of a low-rank step, a tile of the matrix at a time.
///
/// The matrix comes in bands of a few rows, a band in panels of columns, so that a tile, read once
/// from memory, is still in the second-level cache for every one of the rank's columns. Panels are
/// long, because memory is read fastest in order. Rows and columns that a tile lacks are zeros,
/// which change no sum: none is ever −0.
///
/// All sums have a written order (docs/wire_format.md), which no blocking and no vector width
/// changes. Vectors are the compiler's own (one width an instruction set, no intrinsics): left as
/// loops over arrays, sums would live in memory and not in registers.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/isa.h"
#include "codecs/lowrank/element.h"

namespace skimp::lowrank {

inline constexpr std::uint64_t band_rows = 8;
inline constexpr std::uint64_t panel_columns = span_columns;
/// Elements from one row of a tile to the next: not a power of two, which would put all rows into
/// the same few sets of the cache.
inline constexpr std::uint64_t tile_stride = panel_columns + 16;

inline std::uint64_t padded(std::uint64_t columns) { return (columns + lanes - 1) / lanes * lanes; }

template <Isa isa>
inline constexpr int vector_bytes = isa == Isa::avx512 ? 64
                                    : isa == Isa::avx2 ? 32
                                                       : 16;

/// The vectors of an instruction set, and how many sums it has registers for.
template <Isa isa, class Value>
struct Vectors {
  typedef Value Vector __attribute__((vector_size(vector_bytes<isa>)));
  static constexpr std::uint64_t width = vector_bytes<isa> / sizeof(Value);
  static constexpr int strip = isa == Isa::avx512 ? 2 : 4;    ///< vectors side by side
  static constexpr int columns = isa == Isa::avx512 ? 4 : 2;  ///< of P or Q at once

  static void load(const Value* from, Vector& to) { std::memcpy(&to, from, sizeof to); }
  static void store(Value* to, const Vector& from) { std::memcpy(to, &from, sizeof from); }
};

/// Calls step(first, constant K) for blocks of columns of P or Q: as many at once as there are
/// registers for, then one by one.
template <int most, class Step>
void for_each_block(std::uint64_t rank, Step&& step) {
  std::uint64_t c = 0;
  for (; c + most <= rank; c += most) step(c, std::integral_constant<int, most>{});
  for (; c < rank; ++c) step(c, std::integral_constant<int, 1>{});
}

/// M·Q. sums[row][c][lane] += Σ tile[row][j] · q[c][j] over the panel's j of that lane, in order.
/// `columns` is a multiple of `lanes`; column c of Q begins at q + c · q_stride.
template <Isa isa, class Value>
struct TimesQ {
  using V = Vectors<isa, Value>;
  using Vector = typename V::Vector;
  static constexpr int rows = 4;

  static void add(const Value* tile, std::uint64_t columns, const Value* q, std::uint64_t q_stride,
                  std::uint64_t rank, Value* sums) {
    for (std::uint64_t row = 0; row < band_rows; row += rows) {
      for_each_block<V::columns>(rank, [&](std::uint64_t c, auto block) {
        for (std::uint64_t lane = 0; lane < lanes; lane += V::width) {
          add_block<decltype(block)::value>(tile + row * tile_stride + lane, columns,
                                            q + c * q_stride + lane, q_stride,
                                            sums + (row * rank + c) * lanes + lane, rank);
        }
      });
    }
  }

 private:
  template <int K>
  static void add_block(const Value* tile, std::uint64_t columns, const Value* q,
                        std::uint64_t q_stride, Value* sums, std::uint64_t rank) {
    Vector sum[rows][K];
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
      for (int c = 0; c < K; ++c) V::load(sums + (i * rank + c) * lanes, sum[i][c]);
    }
    for (std::uint64_t j = 0; j < columns; j += lanes) {
      Vector m[rows];
#pragma GCC unroll 4
      for (int i = 0; i < rows; ++i) V::load(tile + i * tile_stride + j, m[i]);
#pragma GCC unroll 4
      for (int c = 0; c < K; ++c) {
        Vector factor;
        V::load(q + c * q_stride + j, factor);
#pragma GCC unroll 4
        for (int i = 0; i < rows; ++i) sum[i][c] += m[i] * factor;
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
      for (int c = 0; c < K; ++c) V::store(sums + (i * rank + c) * lanes, sum[i][c]);
    }
  }
};

/// The 32 lanes of a sum, added as `sign` adds them.
template <class Value>
Value sum_of_lanes(Value* sum) {
  for (std::uint64_t width = lanes / 2; width > 0; width /= 2) {
    for (std::uint64_t j = 0; j < width; ++j) sum[j] += sum[j + width];
  }
  return sum[0];
}

/// Mᵀ·P. q[c][j] += tile[i][j] · p[c][i] over the band's rows i, in order. A band of P has column c
/// at p + c · band_rows.
template <Isa isa, class Value>
struct TimesP {
  using V = Vectors<isa, Value>;
  using Vector = typename V::Vector;

  static void add(const Value* tile, std::uint64_t columns, const Value* p, std::uint64_t rank,
                  Value* q, std::uint64_t q_stride) {
    for (std::uint64_t j = 0; j < columns; j += V::strip * V::width) {
      for_each_block<V::columns>(rank, [&](std::uint64_t c, auto block) {
        add_block<decltype(block)::value>(tile + j, p + c * band_rows, q + c * q_stride + j,
                                          q_stride);
      });
    }
  }

 private:
  template <int K>
  static void add_block(const Value* tile, const Value* p, Value* q, std::uint64_t q_stride) {
    Vector sum[K][V::strip];
#pragma GCC unroll 4
    for (int c = 0; c < K; ++c) {
#pragma GCC unroll 4
      for (int s = 0; s < V::strip; ++s) V::load(q + c * q_stride + s * V::width, sum[c][s]);
    }
    for (std::uint64_t i = 0; i < band_rows; ++i) {
      Vector m[V::strip];
#pragma GCC unroll 4
      for (int s = 0; s < V::strip; ++s) V::load(tile + i * tile_stride + s * V::width, m[s]);
#pragma GCC unroll 4
      for (int c = 0; c < K; ++c) {
        const Value factor = p[c * band_rows + i];
#pragma GCC unroll 4
        for (int s = 0; s < V::strip; ++s) sum[c][s] += m[s] * factor;
      }
    }
#pragma GCC unroll 4
    for (int c = 0; c < K; ++c) {
#pragma GCC unroll 4
      for (int s = 0; s < V::strip; ++s) V::store(q + c * q_stride + s * V::width, sum[c][s]);
    }
  }
};

/// P·Qᵀ. tile[i][j] = Σ p[c][i] · q[c][j] over the columns c, in order, from zero.
template <Isa isa, class Value>
struct Product {
  using V = Vectors<isa, Value>;
  using Vector = typename V::Vector;
  static constexpr int rows = V::columns;

  static void write(const Value* p, const Value* q, std::uint64_t q_stride, std::uint64_t rank,
                    std::uint64_t columns, Value* tile) {
    for (std::uint64_t i = 0; i < band_rows; i += rows) {
      for (std::uint64_t j = 0; j < columns; j += V::strip * V::width) {
        Vector sum[rows][V::strip] = {};
        for (std::uint64_t c = 0; c < rank; ++c) {
          Vector factor[V::strip];
#pragma GCC unroll 4
          for (int s = 0; s < V::strip; ++s)
            V::load(q + c * q_stride + j + s * V::width, factor[s]);
#pragma GCC unroll 4
          for (int r = 0; r < rows; ++r) {
            const Value row = p[c * band_rows + i + r];
#pragma GCC unroll 4
            for (int s = 0; s < V::strip; ++s) sum[r][s] += row * factor[s];
          }
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
          for (int s = 0; s < V::strip; ++s) {
            V::store(tile + (i + r) * tile_stride + j + s * V::width, sum[r][s]);
          }
        }
      }
    }
  }
};

}  // namespace skimp::lowrank
