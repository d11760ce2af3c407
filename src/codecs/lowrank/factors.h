/// \file
/// The steps of a low-rank factorisation over all pieces of a bucket. `M` is input + residual.
///
///   sketch    P  = M·S, S the Q of the last step or random numbers    reads M
///   project   P̂  = the sum of P, made orthonormal; Q = Mᵀ·P̂           reads M
///   deliver   residual = M − P̂·Qᵀ of this rank, output = P̂·Qᵀ of the sums, in one pass
///
/// Arrays that are not factored travel as they are, beside the P.
#pragma once

#include <array>
#include <cstdint>

#include "codecs/codec.h"
#include "codecs/elements.h"
#include "codecs/lowrank/layout.h"

namespace skimp::lowrank {

/// For Value float and double.
template <class Value>
class Factors {
 public:
  /// `workspace` has workspace_bytes of `layout`, aligned to 64, and is the same for all steps of
  /// one factorisation.
  Factors(const Layout& layout, std::byte* workspace);
  static std::uint64_t workspace_bytes(const Layout& layout);

  void sketch(const EncodeJob& job, Value* first);

  /// `first` is the sum of all ranks' first buffers.
  void project(const EncodeJob& job, const Value* first, Value* second);

  /// `own` is this rank's second buffer, `first` and `second` are the sums. Without an output only
  /// the residual is written; without a residual `own` is not read.
  void deliver(const EncodeJob& job, const Value* own, const Value* first, const Value* second,
               const Output* output);

  /// What the next step begins with: the sum of Q, orthonormal. Its columns would grow and shrink
  /// with the data otherwise, and one that has come to nothing would stay so; zero, it is drawn
  /// anew.
  void remember(const Value* second, Value* memory);

  /// P̂ of all pieces, as it lies in the first buffer: made by `project`, or set by a decoder.
  Value* p() const { return p_; }

 private:
  /// A tile of a piece: rows of a band, columns of a panel.
  struct Place {
    std::uint64_t row, rows, column, columns;
    std::uint64_t element(const Piece& piece, std::uint64_t i) const {
      return piece.begin + (row + i) * piece.columns + column;
    }
  };

  static std::array<std::uint64_t, 9> sizes_of(const Layout& layout);

  template <class Visit>
  void for_each_tile(const Piece& piece, Visit&& visit);
  void load(const Source<Value>& source, const Piece& piece, const Place& at);
  void load_band(const Piece& piece, const Place& at);
  void unpack(const Value* from, std::uint64_t columns, Value* to);
  void start(const EncodeJob& job, const Piece& piece);
  void times_q(const EncodeJob& job, const Piece& piece, Value* p);
  void times_p(const EncodeJob& job, const Piece& piece, Value* q);
  void add_span(const Piece& piece, const Place& at, Value* q);
  void deliver_factored(const EncodeJob& job, const Piece& piece, const Sink<Value>* residual,
                        const Sink<Value>* result);
  void copy(const EncodeJob& job, const Piece& piece, Value* to);
  void clear(const Sink<Value>& residual, const Piece& piece);
  void put(const Sink<Value>& result, const Piece& piece, const Value* values);

  const Layout& layout_;
  Value* tile_;
  Value* other_tile_;
  Value* band_;     ///< of P̂: column c at c · band_rows
  Value* sums_;     ///< of M·S, lanes apart
  Value* q_;        ///< S or Q: column c at c · padded(columns)
  Value* other_q_;  ///< the sum's
  Value* start_;    ///< S, not padded
  Value* p_;
  double* space_;
};

extern template class Factors<float>;
extern template class Factors<double>;

}  // namespace skimp::lowrank
