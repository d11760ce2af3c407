// Headers and payloads that somebody who knows the format would try; all must be refused.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include "codecs/frame.h"
#include "codecs/registry.h"
#include "tests/fuzz/decoding.h"

namespace {

constexpr std::uint64_t float16 = 1ull << 48;
const Expected eight{8, DType::float32};

/// A header and payload made by hand must be refused.
void refuse(const char* what, FrameHeader header, const Frame& payload, const Expected& expected) {
  Frame frame(header_bytes + payload.size());
  std::copy(payload.begin(), payload.end(), frame.begin() + header_bytes);
  if (header.payload_bytes == 0) header.payload_bytes = payload.size();
  seal(header, payload);
  store(frame.data(), header);
  if (!decode(frame, expected)) return;
  std::fprintf(stderr, "%s was not refused\n", what);
  std::abort();
}

FrameHeader header_of(CodecId codec, std::uint64_t parameter, std::uint64_t count) {
  FrameHeader header;
  header.codec = static_cast<std::uint8_t>(codec);
  header.dtype = SKIMP_FLOAT32;
  header.count = count;
  header.parameter = parameter;
  return header;
}

Frame bytes_of_words(std::initializer_list<std::uint32_t> words) {
  Frame bytes;
  for (const std::uint32_t word : words) {
    bytes.resize(bytes.size() + 4);
    store(bytes.data() + bytes.size() - 4, word);
  }
  return bytes;
}

const Frame one = bytes_of_words({0x3F800000});

/// A receiver that expected such a count would pass these to a decoder.
void sizes_that_overflow() {
  for (const std::uint64_t count : {1ull << 60, 1ull << 62, 1ull << 63, ~0ull}) {
    for (const CodecId id : {CodecId::identity, CodecId::sign}) {
      refuse("a huge count", header_of(id, id == CodecId::sign ? 32 : 0, count), one, eight);
    }
    refuse("a huge count", header_of(CodecId::quantize, 32 | 4ull << 32, count), one, eight);
    refuse("a huge count", header_of(CodecId::float_, 32, count), one, eight);
    refuse("a huge count", header_of(CodecId::natural, 32, count), one, eight);
    refuse("a huge count", header_of(CodecId::ternary, 32, count), one, eight);
    refuse("a huge count", header_of(CodecId::block_topk, 32 | 1ull << 32, count), one, eight);
    refuse("a huge count", header_of(CodecId::topk, 1, count), one, eight);
    refuse("a huge count", header_of(CodecId::threshold, 0, count), one, eight);
    refuse("a huge count", header_of(CodecId::dct, 1 | 6ull << 52 | 4ull << 56, count), one, eight);
    refuse("a huge count", header_of(CodecId::random_k, 1, count), one, eight);
    refuse("a huge count", header_of(CodecId::arc_topk, 1 | 32ull << 48, count), one, eight);
  }
  FrameHeader header = header_of(CodecId::identity, 0, 8);
  header.payload_bytes = ~0ull - 31;  // With the header's 64 bytes it wraps around to 32.
  refuse("payload bytes that overflow", header, one, eight);
}

void blocks_and_scales() {
  refuse("block 0", header_of(CodecId::sign, 0, 8), one, eight);
  refuse("block 48", header_of(CodecId::sign, 48, 8), one, eight);
  refuse("block 2^63", header_of(CodecId::sign, 1ull << 63, 8), one, eight);
  refuse("block 0", header_of(CodecId::quantize, 8ull << 32, 8), one, eight);
  refuse("0 bits", header_of(CodecId::quantize, 32, 8), one, eight);
  refuse("5 bits", header_of(CodecId::quantize, 32 | 5ull << 32, 8), one, eight);
  refuse("rounding 2", header_of(CodecId::quantize, 32 | 8ull << 32 | 2ull << 40, 8), one, eight);

  const std::uint64_t quantize8 = 32 | 8ull << 32;
  refuse("code 255", header_of(CodecId::quantize, quantize8, 8),
         bytes_of_words({0x3F800000, 0x7F7F7F7F, 0xFF7F7F7F}), eight);
  refuse("a negative scale", header_of(CodecId::quantize, quantize8, 8),
         bytes_of_words({0xBF800000, 0x7F7F7F7F, 0x7F7F7F7F}), eight);
  refuse("another NaN", header_of(CodecId::quantize, quantize8, 8),
         bytes_of_words({0x7FC00001, 0, 0}), eight);

  constexpr std::uint64_t e5m2 = 1ull << 32;
  refuse("block 0", header_of(CodecId::float_, 0, 8), one, eight);
  refuse("format 4", header_of(CodecId::float_, 32 | 4 * e5m2, 8), one, eight);
  for (const std::uint32_t scale : {0u, 0x3F800001u, 0x00000003u, 0xBF800000u, 0x7F800000u}) {
    refuse("no power of two", header_of(CodecId::float_, 32, 8), bytes_of_words({scale, 0, 0}),
           eight);
    refuse("no power of two", header_of(CodecId::natural, 32, 8), bytes_of_words({scale, 0, 0}),
           eight);
  }
  refuse("block 0", header_of(CodecId::natural, 0, 8), one, eight);
  refuse("rounding 2", header_of(CodecId::natural, 32 | 2ull << 32, 8), one, eight);
  refuse("byte 243", header_of(CodecId::ternary, 32, 20), bytes_of_words({0x3F800000, 0xF3000000}),
         {20, DType::float32});
  refuse("NaN in e4m3", header_of(CodecId::float_, 32, 8),
         bytes_of_words({0x3F800000, 0, 0x7F000000}), eight);
  refuse("Inf in e5m2", header_of(CodecId::float_, 32 | e5m2, 8),
         bytes_of_words({0x3F800000, 0, 0xFC000000}), eight);
}

void numbers_kept() {
  for (const CodecId id : {CodecId::topk, CodecId::random_k}) {
    refuse("k > count", header_of(id, 9, 8), one, eight);
    refuse("k = 2^47", header_of(id, 1ull << 47, 8), one, eight);
    refuse("k = 2^48 − 1", header_of(id, float16 - 1, 8), one, eight);
  }
  refuse("rows of 0", header_of(CodecId::arc_topk, 1, 8), one, eight);
  refuse("k > rows", header_of(CodecId::arc_topk, 2 | 32ull << 48, 8), one, eight);
  refuse("k = 2^63", header_of(CodecId::random_k, 1ull << 63, 8), one, eight);
}

void shapes_of_lowrank() {
  refuse("rank 0", header_of(CodecId::lowrank, 0, 8), bytes_of_words({0, 0, 0, 0}), eight);
  refuse("rank 33", header_of(CodecId::lowrank, 33, 8), bytes_of_words({0, 0, 0, 0}), eight);
  // Pieces, then rows and columns of each, by low and high words; then values.
  const auto shapes = [&](const char* what, std::initializer_list<std::uint32_t> words) {
    Frame payload = bytes_of_words(words);
    payload.resize(payload.size() + 8 * 4);
    refuse(what, header_of(CodecId::lowrank, 1, 8), payload, eight);
  };
  shapes("2^60 pieces", {0, 1u << 28, 8, 0, 1, 0});
  shapes("4 × 2^62 elements", {1, 0, 4, 0, 0, 1u << 30});
  shapes("2^32 × 2^32 elements", {1, 0, 0, 1, 0, 1});
  shapes("2^63 and 2^63 + 8 elements", {2, 0, 0, 1u << 31, 1, 0, 8, 1u << 31, 1, 0});
  shapes("2^60 rows of nothing and 9 elements", {2, 0, 0, 1u << 28, 0, 0, 9, 0, 1, 0});
  shapes("7 elements", {1, 0, 7, 0, 1, 0});
}

void topk_payloads() {
  refuse("format 3", header_of(CodecId::topk, 1 | 3 * float16, 8), one, eight);
  refuse("k = 0 with a payload", header_of(CodecId::topk, 0, 8), one, eight);

  // k = 2 of 8: no exponent, two float32 values, a bitmap of one byte.
  const auto bitmap = [&](const char* what, unsigned bits) {
    Frame payload = bytes_of_words({0x3F800000, 0x3F800000});
    payload.push_back(std::byte(bits));
    refuse(what, header_of(CodecId::topk, 2, 8), payload, eight);
  };
  bitmap("too few indices", 0x01);
  bitmap("too many indices", 0x07);

  // k = 1 of 64: float16, Elias–Fano with l = 6: one byte of low bits, one with entry 0.
  for (const std::int32_t exponent : {1101, -1101, INT32_MAX, INT32_MIN}) {
    Frame payload = bytes_of_words({static_cast<std::uint32_t>(exponent)});
    payload.insert(payload.end(), {std::byte{0}, std::byte{0x3C}, std::byte{5}, std::byte{1}});
    refuse("an exponent", header_of(CodecId::topk, 1 | float16, 64), payload, {64, DType::float32});
  }
  const auto elias_fano = [&](const char* what, unsigned low, unsigned high) {
    Frame payload = bytes_of_words({0});
    payload.insert(payload.end(), {std::byte{0}, std::byte{0x3C}, std::byte(low), std::byte(high)});
    refuse(what, header_of(CodecId::topk, 1 | float16, 64), payload, {64, DType::float32});
  };
  elias_fano("no index", 5, 0);
  elias_fano("an index beyond count", 5, 2);
  elias_fano("a second index", 5, 0x81);
}

void threshold_payloads() {
  // A threshold's number of elements, in low and high words, then as topk.
  const auto counted = [&](const char* what, std::initializer_list<std::uint32_t> words) {
    Frame payload = bytes_of_words(words);
    payload.push_back(std::byte{1});
    refuse(what, header_of(CodecId::threshold, 0, 8), payload, eight);
  };
  refuse("no number", header_of(CodecId::threshold, 0, 8), one, eight);
  refuse("parameter 1", header_of(CodecId::threshold, 1, 8), bytes_of_words({0, 0}), eight);
  refuse("format 3", header_of(CodecId::threshold, 3 * float16, 8), bytes_of_words({0, 0}), eight);
  counted("9 of 8 elements", {9, 0, 0x3F800000});
  counted("2^32 + 1 of 8 elements", {1, 1, 0x3F800000});
  counted("2^62 of 8 elements", {0, 1u << 30, 0x3F800000});
  counted("2 elements in the bytes of one", {2, 0, 0x3F800000});
  counted("none, and bytes", {0, 0, 0x3F800000});
}

void dct_parameters() {
  for (const std::uint64_t id : {0, 1, 5, 6, 13, 255}) {
    refuse("no selection", header_of(CodecId::dct, 1 | 6ull << 52 | id << 56, 8), one, eight);
  }
  for (const std::uint64_t log : {0, 2, 9, 15}) {
    refuse("chunk", header_of(CodecId::dct, 1 | log << 52 | 4ull << 56, 8), one, eight);
  }
  refuse("k > count", header_of(CodecId::dct, 9 | 6ull << 52 | 4ull << 56, 8), one, eight);
  refuse("format 4", header_of(CodecId::dct, 1 | 1ull << 50 | 6ull << 52 | 4ull << 56, 8), one,
         eight);
}

void block_topk_payloads() {
  // Blocks of 32 that keep one: a float32, and Elias–Fano with a byte of low bits and one of high
  // bits; then the last, of 8 elements, with a bitmap.
  const std::uint64_t one_of_32 = 32 | 1ull << 32;
  const Expected forty{40, DType::float32};
  refuse("k = 0", header_of(CodecId::block_topk, 32, 40), one, forty);
  refuse("k > block", header_of(CodecId::block_topk, 32 | 33ull << 32, 40), one, forty);
  refuse("format 3", header_of(CodecId::block_topk, one_of_32 | 3 * float16, 40), one, forty);
  const auto two_blocks = [&](const char* what, unsigned high, unsigned bits) {
    Frame payload = bytes_of_words({0x3F800000, 0x3F800000, 0x3F800000});
    payload[4] = std::byte{5};
    payload[5] = std::byte(high);
    payload[10] = std::byte(bits);
    payload.resize(11);
    refuse(what, header_of(CodecId::block_topk, one_of_32, 40), payload, forty);
  };
  two_blocks("no index", 0, 1);
  two_blocks("a second index", 3, 1);
  two_blocks("an index beyond the block", 2, 1);
  two_blocks("a second index in the last block", 1, 3);
}

/// The decoders themselves, with counts that frames are not allowed to have. They must find the
/// payload's size wrong before they touch the output, which is not there.
void counts_that_no_frame_has() {
  for (const std::uint64_t count : {1ull << 60, (1ull << 60) - 1, 1ull << 59, (1ull << 50) + 1}) {
    for (const char* text :
         {"identity", "sign(block=32)", "quantize(bits=3,block=32)", "float(block=32)", "natural",
          "ternary", "block_topk(k=32,block=32)", "topk(k=1000000)",
          "topk(k=140737488355328,values=float16)", "threshold(magnitude=1)",
          "random_k(k=140737488355328)", "lowrank(rank=32)"}) {
      for (const DType dtype : dtypes) {
        try {
          codec_from_text(text)->decode(one, count, dtype, {nullptr, dtype});
        } catch (const Error& error) {
          if (error.status() == SKIMP_CORRUPT_PAYLOAD) continue;
        }
        std::fprintf(stderr, "%s took 4 bytes for %llu elements\n", text,
                     static_cast<unsigned long long>(count));
        std::abort();
      }
    }
  }
}

void handmade() {
  sizes_that_overflow();
  blocks_and_scales();
  numbers_kept();
  shapes_of_lowrank();
  topk_payloads();
  threshold_payloads();
  dct_parameters();
  block_topk_payloads();
  counts_that_no_frame_has();
}

}  // namespace
