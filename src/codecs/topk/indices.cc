#include "codecs/topk/indices.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "base/isa.h"
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

IndexWriter::IndexWriter(const IndexShape& shape, std::byte* to) : shape_(shape), to_(to) {
  std::fill(to, to + shape.bytes, std::byte{0});
}

template <class Index>
void IndexWriter::put(std::uint64_t base, const Index* indices, std::uint64_t n) {
  switch (shape_.coding) {
    case IndexCoding::bitmap:
      for (std::uint64_t j = 0; j < n; ++j) set_bit(to_, base + indices[j]);
      break;
    case IndexCoding::words:
      for (std::uint64_t j = 0; j < n; ++j) {
        store(to_ + 4 * (written_ + j), static_cast<std::uint32_t>(base + indices[j]));
      }
      break;
    case IndexCoding::elias_fano: put_elias_fano(base, indices, n); break;
  }
  written_ += n;
}

template <class Index>
void IndexWriter::put_elias_fano(std::uint64_t base, const Index* indices, std::uint64_t n) {
  const int l = shape_.low_bits;
  const std::uint64_t low_mask = (std::uint64_t{1} << l) - 1;
  std::byte* to = to_;
  std::byte* high = to_ + shape_.low_bytes;
  const std::uint64_t written = written_;
  std::uint64_t pending = pending_, stored_bytes = stored_bytes_;  // Stores to bytes might change
  int pending_bits = pending_bits_;                                // the members.
  for (std::uint64_t j = 0; j < n; ++j) {
    const std::uint64_t index = base + indices[j];
    set_bit(high, (index >> l) + written + j);
    const std::uint64_t low = index & low_mask;
    pending |= low << pending_bits;
    pending_bits += l;
    if (pending_bits < 64) continue;
    store(to + stored_bytes, pending);
    stored_bytes += 8;
    pending_bits -= 64;
    pending = low >> (l - pending_bits);
  }
  pending_ = pending;
  pending_bits_ = pending_bits;
  stored_bytes_ = stored_bytes;
}

template void IndexWriter::put(std::uint64_t, const std::uint32_t*, std::uint64_t);
template void IndexWriter::put(std::uint64_t, const std::uint64_t*, std::uint64_t);

void IndexWriter::finish() {
  if (shape_.coding != IndexCoding::elias_fano) return;
  const auto* from = reinterpret_cast<const std::byte*>(&pending_);
  std::copy(from, from + (shape_.low_bytes - stored_bytes_), to_ + stored_bytes_);
}

IndexReader::IndexReader(const IndexShape& shape, Bytes bytes)
    : shape_(shape),
      bytes_(bytes),
      bits_(bytes.subspan(shape.coding == IndexCoding::elias_fano ? shape.low_bytes : 0)) {}

void IndexReader::read(std::uint64_t* indices, std::uint64_t n) {
  on_isa([&](auto) {
    if (shape_.coding == IndexCoding::words) {
      for (std::uint64_t j = 0; j < n; ++j) {
        indices[j] = skimp::load<std::uint32_t>(bytes_.data() + 4 * (read_ + j));
      }
    } else {
      const std::uint64_t found = read_set_bits(indices, n);
      require_intact(found == n, "topk: ", read_ + found, " indices, expected ", shape_.k);
      if (shape_.coding == IndexCoding::elias_fano) add_low_bits(indices, n);
    }
    check(indices, n);
  });
  read_ += n;
}

/// The positions of the next n set bits; returns how many there are, if fewer.
std::uint64_t IndexReader::read_set_bits(std::uint64_t* positions, std::uint64_t n) {
  std::uint64_t j = 0;
  // While there is room for all of a word. Nobody can tell how many bits are set: four are written
  // at a time, and what is beyond the last is written over.
  while (n - j >= 64 && (word_ != 0 || next_word())) {
    std::uint64_t word = word_;
    const std::uint64_t begin = word_begin_;
    const auto set = static_cast<std::uint64_t>(std::popcount(word));
    for (std::uint64_t l = 0; l < set; l += 4) {
      for (std::uint64_t i = 0; i < 4; ++i, word &= word - 1) {
        positions[j + l + i] = begin + static_cast<std::uint64_t>(std::countr_zero(word));
      }
    }
    j += set;
    word_ = 0;
  }
  for (; j < n && (word_ != 0 || next_word()); word_ &= word_ - 1) {
    positions[j++] = word_begin_ + static_cast<std::uint64_t>(std::countr_zero(word_));
  }
  return j;
}

/// Goes on to the next word that has set bits; false if there is none.
bool IndexReader::next_word() {
  while (word_ == 0 && !bits_.empty()) {
    const std::size_t bytes = std::min(sizeof word_, bits_.size());
    std::memcpy(&word_, bits_.data(), bytes);  // Into a zero, when they are fewer than eight.
    bits_ = bits_.subspan(bytes);
    word_begin_ = next_begin_;
    next_begin_ += 64;
  }
  return word_ != 0;
}

/// Makes indices of the positions of high bits: entry j is at its index ≫ l and j more.
void IndexReader::add_low_bits(std::uint64_t* positions, std::uint64_t n) const {
  const int l = shape_.low_bits;
  const auto width = static_cast<std::uint64_t>(l);
  const Bytes low = bytes_.first(shape_.low_bytes);
  const std::uint64_t mask = (std::uint64_t{1} << l) - 1, first = read_;
  // Those whose bits lie in eight bytes that are there.
  std::uint64_t whole = 0;
  if (l > 0 && l <= 57 && low.size() >= 8) {
    whole = std::clamp((8 * (low.size() - 8) + 7) / width + 1, first, first + n) - first;
  }
  const std::byte* from = low.data();
  for (std::uint64_t j = 0; j < whole; ++j) {
    const std::uint64_t at = (first + j) * width;
    const std::uint64_t bits = load<std::uint64_t>(from + at / 8) >> (at % 8);
    positions[j] = (positions[j] - (first + j)) << l | (bits & mask);
  }
  for (std::uint64_t j = whole; j < n; ++j) {
    const std::uint64_t bits = l == 0 ? 0 : load_bits(low, (first + j) * width, l);
    positions[j] = (positions[j] - (first + j)) << l | bits;
  }
}

/// They must ascend and be below count.
void IndexReader::check(const std::uint64_t* indices, std::uint64_t n) {
  if (n == 0) return;
  bool descends = indices[0] < least_;
  for (std::uint64_t j = 1; j < n; ++j) descends |= indices[j] <= indices[j - 1];
  if (!descends && indices[n - 1] < shape_.count) {
    least_ = indices[n - 1] + 1;
    return;
  }
  for (std::uint64_t j = 0; j < n; ++j) {
    const std::uint64_t before = j == 0 ? 0 : indices[j - 1] + 1;
    require_intact(indices[j] >= before && indices[j] < shape_.count, "topk: index ", indices[j],
                   " at position ", read_ + j, " is not from ", before,
                   " to count = ", shape_.count);
  }
  fail(SKIMP_CORRUPT_PAYLOAD, "topk: index ", indices[0], " at position ", read_,
       " does not exceed the one before");
}

void IndexReader::finish() {
  if (shape_.coding == IndexCoding::words) return;
  std::uint64_t position = 0;
  require_intact(read_set_bits(&position, 1) == 0, "topk: more indices than k = ", shape_.k);
}

}  // namespace skimp::topk
