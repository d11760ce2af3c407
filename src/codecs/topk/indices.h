/// \file
/// The indices of a top-k payload, in the smallest of three codings.
///
/// - bitmap: a bit for every element; best from a density of about a sixth up.
/// - words: 32 bits an index; best for a few indices.
/// - Elias–Fano (Elias, JACM 1974; Fano 1971): the low l bits of every index packed, the rest as a
///   unary bitmap in which entry j sets bit (index ≫ l) + j. About l + 2 bits an index, half a bit
///   above the entropy, and any part of it can be decoded on its own.
#pragma once

#include <cstdint>

#include "base/bits.h"
#include "base/bytes.h"

namespace skimp::topk {

enum class IndexCoding { bitmap, words, elias_fano };

/// How k ≤ count indices below `count` ≤ 2^60 are written: a formula, so it is not sent.
struct IndexShape {
  IndexShape(std::uint64_t count_, std::uint64_t k_) : count(count_), k(k_) {
    if (k == 0) return;
    low_bits = bit_width(count / k) - 1;
    low_bytes = bytes_of_bits(k * static_cast<std::uint64_t>(low_bits));
    bytes = bytes_of_bits(count);
    if (count <= (std::uint64_t{1} << 32) && 4 * k < bytes) {
      coding = IndexCoding::words;
      bytes = 4 * k;
    }
    const std::uint64_t elias_fano_bytes =
        low_bytes + bytes_of_bits(k + ((count - 1) >> low_bits) + 1);
    if (elias_fano_bytes < bytes) {
      coding = IndexCoding::elias_fano;
      bytes = elias_fano_bytes;
    }
  }

  std::uint64_t count;
  std::uint64_t k;
  IndexCoding coding = IndexCoding::bitmap;
  int low_bits = 0;             ///< l of Elias–Fano
  std::uint64_t low_bytes = 0;  ///< of its first bit string
  std::uint64_t bytes = 0;      ///< of all
};

/// Writes the k indices of a shape; they must ascend.
class IndexWriter {
 public:
  IndexWriter(const IndexShape& shape, std::byte* to);

  /// Writes base + indices[0], base + indices[1], … Index is uint32_t or uint64_t.
  template <class Index>
  void put(std::uint64_t base, const Index* indices, std::uint64_t n);

  /// Must be called after the last index.
  void finish();

 private:
  template <class Index>
  void put_elias_fano(std::uint64_t base, const Index* indices, std::uint64_t n);

  IndexShape shape_;
  std::byte* to_;
  std::uint64_t written_ = 0;
  std::uint64_t pending_ = 0;       ///< low bits that do not yet fill a word
  int pending_bits_ = 0;            ///< fewer than 64
  std::uint64_t stored_bytes_ = 0;  ///< of low bits
};

/// Reads the k indices of a shape from hostile bytes. Throws CorruptPayload for an index that does
/// not exceed the one before or reaches count, and for more or fewer than k.
class IndexReader {
 public:
  /// `bytes` has shape.bytes bytes.
  IndexReader(const IndexShape& shape, Bytes bytes);

  /// Reads the next n ≤ what is left of k.
  void read(std::uint64_t* indices, std::uint64_t n);

  /// To be called after the last index.
  void finish();

 private:
  std::uint64_t read_set_bits(std::uint64_t* positions, std::uint64_t n);
  bool next_word();
  void add_low_bits(std::uint64_t* positions, std::uint64_t n) const;
  void check(const std::uint64_t* indices, std::uint64_t n);

  IndexShape shape_;
  Bytes bytes_;
  Bytes bits_;                    ///< of a bitmap, those that are not yet in word_
  std::uint64_t word_ = 0;        ///< its bits that are still to come
  std::uint64_t word_begin_ = 0;  ///< position of the first
  std::uint64_t next_begin_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t least_ = 0;  ///< the next index is at least this
};

}  // namespace skimp::topk
