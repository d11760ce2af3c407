#include "codecs/lowrank/factors.h"

#include <algorithm>
#include <numeric>
#include <type_traits>

#include "base/isa.h"
#include "codecs/lowrank/element.h"
#include "codecs/lowrank/orthonormal.h"
#include "codecs/lowrank/products.h"

namespace skimp::lowrank {
namespace {

template <class Value>
void orthonormalise_on_isa(Value* values, std::uint64_t n, std::uint64_t columns, double* space) {
  on_isa([&](auto) { orthonormalise(values, n, columns, space); });
}

}  // namespace

// ---- The workspace
// -------------------------------------------------------------------------------

/// Bytes of its arrays, in the order of their declaration.
template <class Value>
std::array<std::uint64_t, 9> Factors<Value>::sizes_of(const Layout& layout) {
  const std::uint64_t rank = layout.rank(), columns = layout.most_columns();
  const std::uint64_t tile = band_rows * tile_stride, panel = rank * padded(columns);
  const std::uint64_t doubles = rank * std::max(layout.most_rows(), columns);
  std::array<std::uint64_t, 9> sizes{tile,  tile,  band_rows * rank, band_rows * rank * lanes,
                                     panel, panel, rank * columns,   layout.p_count()};
  for (std::uint64_t& size : sizes) size = divide_up(size * sizeof(Value), 64) * 64;
  sizes.back() = doubles * sizeof(double);
  return sizes;
}

template <class Value>
std::uint64_t Factors<Value>::workspace_bytes(const Layout& layout) {
  const auto sizes = sizes_of(layout);
  return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
}

template <class Value>
Factors<Value>::Factors(const Layout& layout, std::byte* workspace) : layout_(layout) {
  const auto sizes = sizes_of(layout);
  auto size = sizes.begin();
  const auto place = [&](auto*& array) {
    array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(workspace);
    workspace += *size++;
  };
  place(tile_), place(other_tile_), place(band_), place(sums_);
  place(q_), place(other_q_), place(start_), place(p_), place(space_);
}

// ---- The steps
// -----------------------------------------------------------------------------------

template <class Value>
void Factors<Value>::sketch(const EncodeJob& job, Value* first) {
  for (const Piece& piece : layout_.pieces()) {
    if (piece.factored) {
      start(job, piece);
      times_q(job, piece, first + piece.first);
    } else {
      copy(job, piece, first + piece.first);
    }
  }
}

template <class Value>
void Factors<Value>::project(const EncodeJob& job, const Value* first, Value* second) {
  std::copy(first, first + layout_.p_count(), p_);
  for (const Piece& piece : layout_.pieces()) {
    if (!piece.factored) continue;
    orthonormalise_on_isa(p_ + piece.first, piece.rows, layout_.rank(), space_);
    times_p(job, piece, second + piece.second);
  }
}

template <class Value>
void Factors<Value>::deliver(const EncodeJob& job, const Value* own, const Value* first,
                             const Value* second, const Output* output) {
  const Sink<Value> residual(residual_output<Value>(job));
  const Sink<Value> result(output == nullptr ? Output{} : *output);
  const bool left = job.residual_out != nullptr, wanted = output != nullptr;
  for (const Piece& piece : layout_.pieces()) {
    if (piece.factored) {
      if (left) unpack(own + piece.second, piece.columns, q_);
      if (wanted) unpack(second + piece.second, piece.columns, other_q_);
      deliver_factored(job, piece, left ? &residual : nullptr, wanted ? &result : nullptr);
    } else {
      if (left) clear(residual, piece);
      if (wanted) put(result, piece, first + piece.first);
    }
  }
}

template <class Value>
void Factors<Value>::remember(const Value* second, Value* memory) {
  std::copy(second, second + layout_.second_count(), memory);
  for (const Piece& piece : layout_.pieces()) {
    if (!piece.factored) continue;
    Value* q = memory + piece.second;
    const std::uint64_t count = layout_.rank() * piece.columns;
    if (all_finite(q, count)) {
      orthonormalise_on_isa(q, piece.columns, layout_.rank(), space_);
    } else {
      std::fill(q, q + count, Value{0});
    }
  }
}

/// S: the columns of the memory, random ones for those that it lacks.
template <class Value>
void Factors<Value>::start(const EncodeJob& job, const Piece& piece) {
  const std::uint64_t n = piece.columns;
  for (std::uint64_t c = 0; c < layout_.rank(); ++c) {
    Value* column = start_ + c * n;
    const std::uint64_t begin = piece.second + c * n;
    if (job.memory_in != nullptr) {
      const Value* last = static_cast<const Value*>(job.memory_in) + begin;
      std::copy(last, last + n, column);
      if (can_start(largest_magnitude(column, n))) continue;
    }
    for (std::uint64_t j = 0; j < n; ++j) column[j] = random_value<Value>(job.random, begin + j);
  }
  unpack(start_, n, q_);
}

// ---- Tiles
// ---------------------------------------------------------------------------------------

/// Calls visit(place, next place) for bands from top to bottom, each from left to right.
template <class Value>
template <class Visit>
void Factors<Value>::for_each_tile(const Piece& piece, Visit&& visit) {
  for (std::uint64_t row = 0; row < piece.rows; row += band_rows) {
    for (std::uint64_t column = 0; column < piece.columns; column += panel_columns) {
      visit(Place{row, std::min(band_rows, piece.rows - row), column,
                  std::min(panel_columns, piece.columns - column)});
    }
  }
}

/// The tile's values, zeros around them.
template <class Value>
void Factors<Value>::load(const Source<Value>& source, const Piece& piece, const Place& at) {
  const std::uint64_t width = padded(at.columns);
  for (std::uint64_t i = 0; i < band_rows; ++i) {
    Value* row = tile_ + i * tile_stride;
    if (i < at.rows) {
      source.load(at.element(piece, i), at.columns, row);
    }
    std::fill(row + (i < at.rows ? at.columns : 0), row + width, Value{0});
  }
}

/// The band's rows of P̂.
template <class Value>
void Factors<Value>::load_band(const Piece& piece, const Place& at) {
  for (std::uint64_t c = 0; c < layout_.rank(); ++c) {
    const Value* from = p_ + piece.first + c * piece.rows + at.row;
    std::copy(from, from + at.rows, band_ + c * band_rows);
    std::fill(band_ + c * band_rows + at.rows, band_ + (c + 1) * band_rows, Value{0});
  }
}

/// Columns of Q with zeros behind them.
template <class Value>
void Factors<Value>::unpack(const Value* from, std::uint64_t columns, Value* to) {
  for (std::uint64_t c = 0; c < layout_.rank(); ++c, from += columns, to += padded(columns)) {
    std::copy(from, from + columns, to);
    std::fill(to + columns, to + padded(columns), Value{0});
  }
}

template <class Value>
void Factors<Value>::times_q(const EncodeJob& job, const Piece& piece, Value* p) {
  on_isa([&](auto isa) {
    const std::uint64_t rank = layout_.rank(), stride = padded(piece.columns);
    const Source<Value> source(job);
    for_each_tile(piece, [&](const Place& at) {
      std::fill(sums_, sums_ + band_rows * rank * lanes, Value{0});
      load(source, piece, at);
      TimesQ<decltype(isa)::value, Value>::add(tile_, padded(at.columns), q_ + at.column, stride,
                                               rank, sums_);
      for (std::uint64_t i = 0; i < at.rows; ++i) {
        for (std::uint64_t c = 0; c < rank; ++c) {
          const Value sum = sum_of_lanes(sums_ + (i * rank + c) * lanes);
          Value& total = p[c * piece.rows + at.row + i];
          total = canonical(at.column == 0 ? sum : total + sum);
        }
      }
    });
  });
}

template <class Value>
void Factors<Value>::times_p(const EncodeJob& job, const Piece& piece, Value* q) {
  on_isa([&](auto isa) {
    const std::uint64_t rank = layout_.rank(), stride = padded(piece.columns);
    const Source<Value> source(job);
    std::fill(q_, q_ + rank * stride, Value{0});
    for_each_tile(piece, [&](const Place& at) {
      load(source, piece, at);
      if (at.column == 0) load_band(piece, at);
      TimesP<decltype(isa)::value, Value>::add(tile_, padded(at.columns), band_, rank,
                                               q_ + at.column, stride);
      const std::uint64_t end = at.row + at.rows;
      if (end % span_rows == 0 || end == piece.rows) add_span(piece, at, q);
    });
  });
}

/// Adds the sums of a span of rows, for the columns of the tile that ends it, to those before it.
template <class Value>
void Factors<Value>::add_span(const Piece& piece, const Place& at, Value* q) {
  for (std::uint64_t c = 0; c < layout_.rank(); ++c) {
    Value* __restrict sum = q_ + c * padded(piece.columns) + at.column;
    Value* __restrict total = q + c * piece.columns + at.column;
    if (at.row < span_rows) {
      for (std::uint64_t j = 0; j < at.columns; ++j) total[j] = canonical(sum[j]);
    } else {
      for (std::uint64_t j = 0; j < at.columns; ++j) total[j] = canonical(total[j] + sum[j]);
    }
    std::fill(sum, sum + at.columns, Value{0});
  }
}

/// A tile is read before its output is written, which may be the input.
template <class Value>
void Factors<Value>::deliver_factored(const EncodeJob& job, const Piece& piece,
                                      const Sink<Value>* residual, const Sink<Value>* result) {
  on_isa([&](auto isa) {
    using Times = Product<decltype(isa)::value, Value>;
    const std::uint64_t rank = layout_.rank(), stride = padded(piece.columns);
    const Source<Value> source(job);
    for_each_tile(piece, [&](const Place& at) {
      const std::uint64_t width = padded(at.columns);
      if (at.column == 0) load_band(piece, at);
      if (residual != nullptr) {
        load(source, piece, at);
        Times::write(band_, q_ + at.column, stride, rank, width, other_tile_);
        for (std::uint64_t i = 0; i < at.rows; ++i) {
          put_residual(*residual, at.element(piece, i), at.columns, tile_ + i * tile_stride,
                       other_tile_ + i * tile_stride);
        }
      }
      if (result != nullptr) {
        Times::write(band_, other_q_ + at.column, stride, rank, width, other_tile_);
        for (std::uint64_t i = 0; i < at.rows; ++i) {
          result->put(at.element(piece, i), at.columns, other_tile_ + i * tile_stride);
        }
      }
    });
  });
}

// ---- Arrays that are not factored
// ----------------------------------------------------------------

template <class Value>
void Factors<Value>::copy(const EncodeJob& job, const Piece& piece, Value* to) {
  const Source<Value> source(job);
  for (std::uint64_t at = 0; at < piece.count(); at += tile_elements) {
    const std::uint64_t n = std::min(tile_elements, piece.count() - at);
    source.load(piece.begin + at, n, to + at);
    for (std::uint64_t i = at; i < at + n; ++i) to[i] = canonical(to[i]);
  }
}

/// Nothing was left out.
template <class Value>
void Factors<Value>::clear(const Sink<Value>& residual, const Piece& piece) {
  std::fill(tile_, tile_ + tile_elements, Value{0});
  for (std::uint64_t at = 0; at < piece.count(); at += tile_elements) {
    residual.settle(piece.begin + at, std::min(tile_elements, piece.count() - at), tile_);
  }
}

template <class Value>
void Factors<Value>::put(const Sink<Value>& result, const Piece& piece, const Value* values) {
  for (std::uint64_t at = 0; at < piece.count(); at += tile_elements) {
    result.put(piece.begin + at, std::min(tile_elements, piece.count() - at), values + at);
  }
}

template class Factors<float>;
template class Factors<double>;

}  // namespace skimp::lowrank
