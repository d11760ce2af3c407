/// \file
/// The steps of a low-rank factorisation over all pieces of a bucket. `M` is input + residual.
///
///   sketch    P  = M·Q of the last step, or of random numbers        reads M
///   project   P̂  = P summed and made orthonormal, Q = Mᵀ·P̂           reads M
///   deliver   residual = M − P̂·Qᵀ of this rank, output = P̂·Qᵀ of the sums, in one pass
///
/// Arrays that are not factored travel as they are, beside the P.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <type_traits>

#include "base/philox.h"
#include "codecs/elements.h"
#include "codecs/lowrank/layout.h"
#include "codecs/lowrank/orthonormal.h"
#include "codecs/lowrank/products.h"

namespace skimp::lowrank {

/// The random value j of Q: uniform in [−1, 1), the same on all ranks that share the stream.
template <class Value>
Value random_value(RandomStream stream, std::uint64_t j) {
  const std::uint32_t word = draw(0, stream, j / 4)[j % 4];
  return static_cast<Value>(static_cast<std::int32_t>(word >> 8) - (1 << 23)) /
         static_cast<Value>(1 << 23);
}

template <Isa isa, class Value>
class Factors {
 public:
  /// `workspace` has workspace_bytes of `layout`, aligned to 64, and is the same for all steps of
  /// one factorisation.
  Factors(const Layout& layout, std::byte* workspace) : layout_(layout) {
    const auto sizes = sizes_of(layout);
    auto size = sizes.begin();
    const auto place = [&](auto*& array) {
      array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(workspace);
      workspace += *size++;
    };
    place(tile_), place(other_tile_), place(band_), place(sums_), place(q_), place(other_q_);
    place(memory_), place(p_), place(space_);
  }

  static std::uint64_t workspace_bytes(const Layout& layout) {
    const auto sizes = sizes_of(layout);
    return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  }

  /// P̂ of all pieces, as it lies in the first buffer.
  Value* p() const { return p_; }

  void sketch(const EncodeJob& job, Value* first) {
    for (const Piece& piece : layout_.pieces()) {
      if (piece.factored) {
        start(job, piece);
        times_q(job, piece, first + piece.first);
      } else {
        copy(job, piece, first + piece.first);
      }
    }
  }

  void project(const EncodeJob& job, const Value* first, Value* second) {
    std::copy(first, first + layout_.p_count(), p_);
    for (const Piece& piece : layout_.pieces()) {
      if (!piece.factored) continue;
      orthonormalise(p_ + piece.first, piece.rows, layout_.rank(), space_);
      times_p(job, piece, second + piece.second);
    }
  }

  /// `own` is this rank's second buffer, `first` and `second` are the sums; the output and the
  /// residual may be unwanted.
  void deliver(const EncodeJob& job, const Value* own, const Value* first, const Value* second,
               const Output* output) {
    const Sink<Value> residual(residual_output<Value>(job));
    const Sink<Value> result(output == nullptr ? Output{} : *output);
    const bool left = job.residual_out != nullptr, wanted = output != nullptr;
    for (const Piece& piece : layout_.pieces()) {
      if (!piece.factored) {
        if (left) clear(residual, piece);
        if (wanted) put(result, piece, first + piece.first);
        continue;
      }
      if (left) unpack(own + piece.second, piece.columns, q_);
      if (wanted) unpack(second + piece.second, piece.columns, other_q_);
      for_each_tile(piece, [&](const Place& at) {
        load_band(piece, at);
        if (left) leave(job, piece, at, residual);
        if (wanted) write(piece, at, result);
      });
    }
  }

  /// What the next step's sketch begins with: the sum of Q, orthonormal. Its columns would grow and
  /// shrink with the data otherwise, and those that have come to nothing would stay; zero, they are
  /// drawn anew.
  void remember(const Value* second, Value* memory) {
    std::copy(second, second + layout_.second_count(), memory);
    for (const Piece& piece : layout_.pieces()) {
      if (!piece.factored) continue;
      Value* q = memory + piece.second;
      const std::uint64_t count = layout_.rank() * piece.columns;
      if (all_finite(q, count)) {
        orthonormalise(q, piece.columns, layout_.rank(), space_);
      } else {
        std::fill(q, q + count, Value{0});
      }
    }
  }

 private:
  /// A tile of a piece.
  struct Place {
    std::uint64_t row, rows, column, columns;
    std::uint64_t element(const Piece& piece, std::uint64_t i) const {
      return piece.begin + (row + i) * piece.columns + column;
    }
  };

  /// Bytes of the arrays in the workspace, in the order of their declaration.
  static std::array<std::uint64_t, 9> sizes_of(const Layout& layout) {
    const std::uint64_t rank = layout.rank(), columns = layout.most_columns();
    const std::uint64_t tile = band_rows * tile_stride, panel = rank * padded(columns);
    const std::uint64_t doubles = rank * std::max(layout.most_rows(), columns);
    std::array<std::uint64_t, 9> sizes{tile,  tile,  band_rows * rank, band_rows * rank * lanes,
                                       panel, panel, rank * columns,   layout.p_count()};
    for (std::uint64_t& size : sizes) size = divide_up(size * sizeof(Value), 64) * 64;
    sizes.back() = doubles * sizeof(double);
    return sizes;
  }

  /// Bands from top to bottom, each from left to right.
  template <class Visit>
  void for_each_tile(const Piece& piece, Visit&& visit) {
    for (std::uint64_t row = 0; row < piece.rows; row += band_rows) {
      for (std::uint64_t column = 0; column < piece.columns; column += panel_columns) {
        visit(Place{row, std::min(band_rows, piece.rows - row), column,
                    std::min(panel_columns, piece.columns - column)});
      }
    }
  }

  /// The tile's values, zeros around them.
  void load(const EncodeJob& job, const Piece& piece, const Place& at) {
    const Source<Value> source(job);
    const std::uint64_t width = padded(at.columns);
    for (std::uint64_t i = 0; i < band_rows; ++i) {
      Value* row = tile_ + i * tile_stride;
      if (i < at.rows) source.load(at.element(piece, i), at.columns, row);
      std::fill(row + (i < at.rows ? at.columns : 0), row + width, Value{0});
    }
  }

  /// The band's rows of P̂.
  void load_band(const Piece& piece, const Place& at) {
    for (std::uint64_t c = 0; c < layout_.rank(); ++c) {
      const Value* from = p_ + piece.first + c * piece.rows + at.row;
      std::copy(from, from + at.rows, band_ + c * band_rows);
      std::fill(band_ + c * band_rows + at.rows, band_ + (c + 1) * band_rows, Value{0});
    }
  }

  /// Columns of Q with zeros behind them.
  void unpack(const Value* from, std::uint64_t columns, Value* to) {
    for (std::uint64_t c = 0; c < layout_.rank(); ++c, from += columns, to += padded(columns)) {
      std::copy(from, from + columns, to);
      std::fill(to + columns, to + padded(columns), Value{0});
    }
  }

  /// Q to begin with: the columns of the memory; random ones for those that it lacks.
  void start(const EncodeJob& job, const Piece& piece) {
    const std::uint64_t n = piece.columns;
    for (std::uint64_t c = 0; c < layout_.rank(); ++c) {
      Value* column = memory_ + c * n;
      const std::uint64_t begin = piece.second + c * n;
      if (job.memory_in != nullptr) {
        const Value* last = static_cast<const Value*>(job.memory_in) + begin;
        std::copy(last, last + n, column);
        const Value largest = largest_magnitude(column, n);
        if (largest > 0 && is_finite(largest)) continue;
      }
      for (std::uint64_t j = 0; j < n; ++j) {
        column[j] = random_value<Value>(job.random, begin + j);
      }
    }
    unpack(memory_, n, q_);
  }

  void times_q(const EncodeJob& job, const Piece& piece, Value* p) {
    const std::uint64_t rank = layout_.rank(), stride = padded(piece.columns);
    for_each_tile(piece, [&](const Place& at) {
      if (at.column == 0) std::fill(sums_, sums_ + band_rows * rank * lanes, Value{0});
      load(job, piece, at);
      TimesQ<isa, Value>::add(tile_, padded(at.columns), q_ + at.column, stride, rank, sums_);
      if (at.column + at.columns < piece.columns) return;
      for (std::uint64_t i = 0; i < at.rows; ++i) {
        for (std::uint64_t c = 0; c < rank; ++c) {
          p[c * piece.rows + at.row + i] = sum_of_lanes(sums_ + (i * rank + c) * lanes);
        }
      }
    });
  }

  void times_p(const EncodeJob& job, const Piece& piece, Value* q) {
    const std::uint64_t rank = layout_.rank(), stride = padded(piece.columns);
    std::fill(q_, q_ + rank * stride, Value{0});
    for_each_tile(piece, [&](const Place& at) {
      load(job, piece, at);
      if (at.column == 0) load_band(piece, at);
      TimesP<isa, Value>::add(tile_, padded(at.columns), band_, rank, q_ + at.column, stride);
    });
    for (std::uint64_t c = 0; c < rank; ++c) {
      std::copy(q_ + c * stride, q_ + c * stride + piece.columns, q + c * piece.columns);
    }
  }

  void leave(const EncodeJob& job, const Piece& piece, const Place& at,
             const Sink<Value>& residual) {
    load(job, piece, at);
    multiply(piece, at, q_);
    for (std::uint64_t i = 0; i < at.rows; ++i) {
      put_residual(residual, at.element(piece, i), at.columns, tile_ + i * tile_stride,
                   other_tile_ + i * tile_stride);
    }
  }

  void write(const Piece& piece, const Place& at, const Sink<Value>& result) {
    multiply(piece, at, other_q_);
    for (std::uint64_t i = 0; i < at.rows; ++i) {
      result.put(at.element(piece, i), at.columns, other_tile_ + i * tile_stride);
    }
  }

  /// P̂·Qᵀ into the other tile.
  void multiply(const Piece& piece, const Place& at, const Value* q) {
    Product<isa, Value>::write(band_, q + at.column, padded(piece.columns), layout_.rank(),
                               padded(at.columns), other_tile_);
  }

  /// \name Arrays that are not factored
  /// @{
  void copy(const EncodeJob& job, const Piece& piece, Value* to) {
    const Source<Value> source(job);
    for (std::uint64_t at = 0; at < piece.count(); at += tile_elements) {
      const std::uint64_t n = std::min(tile_elements, piece.count() - at);
      source.load(piece.begin + at, n, to + at);
      for (std::uint64_t i = at; i < at + n; ++i) to[i] = canonical(to[i]);
    }
  }

  /// Nothing was left out.
  void clear(const Sink<Value>& residual, const Piece& piece) {
    std::fill(tile_, tile_ + tile_elements, Value{0});
    for (std::uint64_t at = 0; at < piece.count(); at += tile_elements) {
      residual.settle(piece.begin + at, std::min(tile_elements, piece.count() - at), tile_);
    }
  }

  void put(const Sink<Value>& result, const Piece& piece, const Value* values) {
    for (std::uint64_t at = 0; at < piece.count(); at += tile_elements) {
      result.put(piece.begin + at, std::min(tile_elements, piece.count() - at), values + at);
    }
  }
  /// @}

  const Layout& layout_;
  Value* tile_;
  Value* other_tile_;
  Value* band_;     ///< of P̂: column c at c · band_rows
  Value* sums_;     ///< of M·Q, lanes apart
  Value* q_;        ///< column c at c · padded(columns)
  Value* other_q_;  ///< the sum's
  Value* memory_;   ///< a start of Q, not padded
  Value* p_;
  double* space_;
};

}  // namespace skimp::lowrank
