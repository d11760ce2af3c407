#include "codecs/topk/indices.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "base/wide.h"

namespace skimp::topk {
namespace {

/// `width` < 64 bits from bit `position` of a bit string, zeros beyond its end.
std::uint64_t load_bits(Bytes bits, std::uint64_t position, int width) {
  const Bytes rest = bits.subspan(position / 8);
  Wide window = 0;
  if (rest.size() >= sizeof window) {
    window = load<Wide>(rest.data());
  } else {
    std::copy(rest.begin(), rest.end(), reinterpret_cast<std::byte*>(&window));
  }
  return static_cast<std::uint64_t>(window >> (position % 8)) & ((std::uint64_t{1} << width) - 1);
}

void set_bit(std::byte* bits, std::uint64_t i) { bits[i / 8] |= std::byte{1} << (i % 8); }

}  // namespace

IndexShape::IndexShape(std::uint64_t count_, std::uint64_t k_) : count(count_), k(k_) {
  if (k == 0) return;
  low_bits = static_cast<int>(std::bit_width(count / k)) - 1;
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

IndexWriter::IndexWriter(const IndexShape& shape, std::byte* to) : shape_(shape), to_(to) {
  std::fill(to, to + shape.bytes, std::byte{0});
}

void IndexWriter::put(std::uint64_t index) {
  switch (shape_.coding) {
    case IndexCoding::bitmap: set_bit(to_, index); break;
    case IndexCoding::words: store(to_ + 4 * written_, static_cast<std::uint32_t>(index)); break;
    case IndexCoding::elias_fano:
      put_low_bits(index & ((std::uint64_t{1} << shape_.low_bits) - 1));
      set_bit(to_ + shape_.low_bytes, (index >> shape_.low_bits) + written_);
      break;
  }
  ++written_;
}

void IndexWriter::put_low_bits(std::uint64_t bits) {
  pending_ |= bits << pending_bits_;
  pending_bits_ += shape_.low_bits;
  if (pending_bits_ < 64) return;
  store(to_ + stored_bytes_, pending_);
  stored_bytes_ += 8;
  pending_bits_ -= 64;
  pending_ = bits >> (shape_.low_bits - pending_bits_);
}

void IndexWriter::finish() {
  if (shape_.coding != IndexCoding::elias_fano) return;
  const auto* from = reinterpret_cast<const std::byte*>(&pending_);
  std::copy(from, from + (shape_.low_bytes - stored_bytes_), to_ + stored_bytes_);
}

bool SetBits::next(std::uint64_t& position) {
  while (word_ == 0) {
    if (rest_.empty()) return false;
    const std::size_t bytes = std::min(sizeof word_, rest_.size());
    std::memcpy(&word_, rest_.data(), bytes);  // Into a zero, when they are fewer than eight.
    rest_ = rest_.subspan(bytes);
    word_begin_ = next_begin_;
    next_begin_ += 64;
  }
  position = word_begin_ + static_cast<std::uint64_t>(std::countr_zero(word_));
  word_ &= word_ - 1;
  return true;
}

IndexReader::IndexReader(const IndexShape& shape, Bytes bytes)
    : shape_(shape),
      bytes_(bytes),
      set_bits_(bytes.subspan(shape.coding == IndexCoding::elias_fano ? shape.low_bytes : 0)) {}

std::uint64_t IndexReader::next_unchecked() {
  if (shape_.coding == IndexCoding::words) return load<std::uint32_t>(bytes_.data() + 4 * read_);
  std::uint64_t position = 0;
  require_intact(set_bits_.next(position), "topk: ", read_, " indices, expected ", shape_.k);
  if (shape_.coding == IndexCoding::bitmap) return position;
  // Entry j is at j or later, since j bits are before it.
  const std::uint64_t high = position - read_;
  const auto l = static_cast<std::uint64_t>(shape_.low_bits);
  return high << l | load_bits(bytes_.first(shape_.low_bytes), read_ * l, shape_.low_bits);
}

std::uint64_t IndexReader::next() {
  const std::uint64_t index = next_unchecked();
  require_intact(index >= least_ && index < shape_.count, "topk: index ", index, " at position ",
                 read_, " is not from ", least_, " to count = ", shape_.count);
  ++read_;
  least_ = index + 1;
  return index;
}

void IndexReader::finish() {
  if (shape_.coding == IndexCoding::words) return;
  std::uint64_t position = 0;
  require_intact(!set_bits_.next(position), "topk: more indices than k = ", shape_.k);
}

}  // namespace skimp::topk
