// Decoders against hostile bytes: whatever a frame holds, decoding it succeeds or throws
// CorruptPayload, and neither reads nor writes outside its buffers (the sanitizers watch that).
//
//   decode_fuzz SEED ITERATIONS     damages valid frames of every codec, dtype and many counts
//
// Half of the damaged frames get valid sums again, or the checksum would be all that is tested.
// Compiled with -DSKIMP_LIBFUZZER -fsanitize=fuzzer it is a libFuzzer target instead.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/float_environment.h"
#include "codecs/elements.h"
#include "codecs/frame.h"
#include "codecs/registry.h"
#include "device/buffer.h"

namespace {

using namespace skimp;

using Frame = std::vector<std::byte>;

/// What the receiver of a frame expects; counts come from it and never from the frame.
struct Expected {
  std::uint64_t count;
  DType dtype;
  double divisor = 1;
  bool add = false;
};

/// As skimp_decode: true when the frame was decoded, false when it was refused. Whatever else is
/// thrown ends the program.
bool decode(Bytes frame, const Expected& expected) {
  // Copies of the exact size, at any alignment, so that one byte too far is found.
  const std::size_t offset = frame.size() % 8;
  const auto copy = std::make_unique<std::byte[]>(offset + frame.size());
  std::copy(frame.begin(), frame.end(), copy.get() + offset);
  try {
    Bytes payload;
    const FrameHeader header = open_frame({copy.get() + offset, frame.size()}, payload);
    const CodecPtr codec = codec_from_header(header.codec, header.parameter);
    if (header.count != expected.count) return false;
    const auto dtype = static_cast<DType>(header.dtype);
    const DType output_dtype = expected.add ? accumulator_of(dtype) : expected.dtype;
    const std::uint64_t bytes = expected.count * bytes_of(output_dtype);
    const auto output = std::make_unique<std::byte[]>(bytes);
    codec->decode(payload, expected.count, dtype,
                  {output.get(), output_dtype, expected.add ? 1 : expected.divisor, expected.add});
    return true;
  } catch (const Error& error) {
    if (error.status() == SKIMP_CORRUPT_PAYLOAD) return false;
    std::fprintf(stderr, "status %d: %s\n", error.status(), error.what());
    std::abort();
  }
}

/// Makes the sums valid again, and the size, if the frame has a header at all.
void seal_again(Frame& frame, bool fix_size) {
  if (frame.size() < header_bytes) return;
  auto header = load<FrameHeader>(frame.data());
  const Bytes payload = Bytes(frame).subspan(header_bytes);
  if (fix_size) header.payload_bytes = payload.size();
  seal(header, payload);
  store(frame.data(), header);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FloatEnvironment environment;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  Frame frame(bytes, bytes + size);
  if (size < header_bytes) return decode(frame, {0, DType::float32}), 0;
  auto header = load<FrameHeader>(frame.data());
  header.magic = frame_magic;
  header.version = frame_version;
  header.count %= 4096;  // A receiver allocates for the count that it expects.
  store(frame.data(), header);
  seal_again(frame, true);
  decode(frame, {header.count, DType::float32});
  return 0;
}

#ifndef SKIMP_LIBFUZZER
namespace {

constexpr const char* codec_texts[] = {
    "identity",
    "sign(block=32)",
    "sign(block=2048)",
    "quantize(bits=8,block=32)",
    "quantize(bits=4,block=64)",
    "quantize(bits=3,block=32)",
    "quantize(bits=3,block=256,rounding=stochastic,seed=3)",
    "quantize(bits=2)",
    "topk(k=1,values=float16)",
    "topk(density=0.01,values=float16)",
    "topk(density=0.1,values=float32)",
    "topk(density=0.3,values=bfloat16)",
    "topk(density=1)",
    "random_k(k=1)",
    "random_k(density=0.1,seed=5)",
    "float(format=e4m3,block=32)",
    "float(format=bfloat16,block=96)",
    "natural(block=64)",
    "ternary(block=32)",
    "ternary(block=544)",
    "arc_topk(density=0.3,row=32,sketch=1)",
    "block_topk(k=2,block=32)",
    "block_topk(density=0.01,block=1024,values=float16)",
    "threshold(magnitude=100)",
    "threshold(fraction=0.3,values=float16)",
    "dct(codec=topk(density=0.1))",
    "dct(codec=block_topk(k=3,block=64,values=float16),chunk=8)",
    "dct(codec=threshold(fraction=0.5),chunk=256)",
    "lowrank(rank=1)",
    "lowrank(rank=3)",
};
constexpr DType dtypes[] = {DType::float32, DType::float16, DType::bfloat16, DType::float64};
constexpr std::uint64_t counts[] = {0, 1, 2, 7, 8, 31, 32, 33, 64, 100, 257, 1000, 2500};

/// Values of header fields that lie at the edges of what sizes can be computed with.
constexpr std::uint64_t edges[] = {0,          1,          2,          31,         32,
                                   33,         8192,       8224,       1ull << 16, 1ull << 32,
                                   1ull << 47, 1ull << 48, 1ull << 49, 1ull << 59, 1ull << 60,
                                   1ull << 61, 1ull << 63, ~0ull,      ~0ull - 63, ~0ull - 64};

class Fuzzer {
 public:
  explicit Fuzzer(std::uint64_t seed) : random_(seed) {}

  void run(std::uint64_t iterations) {
    std::uint64_t decoded = 0;
    for (std::uint64_t i = 0; i < iterations; ++i) {
      Expected expected{pick(counts), pick(dtypes)};
      Frame frame = valid_frame(pick(codec_texts), expected);
      if (i % 64 == 0 && !decode(frame, expected)) {
        std::fprintf(stderr, "a valid frame was refused\n");
        std::abort();
      }
      for (std::uint64_t damages = 1 + below(3); damages > 0; --damages) damage(frame);
      if (below(2) == 0) seal_again(frame, below(4) != 0);
      expected.divisor = below(2) == 0 ? 1 : 3;
      expected.add = below(4) == 0;
      decoded += decode(frame, expected);
    }
    std::printf("%llu damaged frames: %llu decoded, the others refused\n",
                static_cast<unsigned long long>(iterations),
                static_cast<unsigned long long>(decoded));
  }

 private:
  std::uint64_t below(std::uint64_t end) { return random_() % end; }

  template <class T, std::size_t size>
  T pick(const T (&from)[size]) {
    return from[below(size)];
  }

  /// A low-rank codec gets shapes of `count` elements: a matrix, and what is left as a vector.
  std::string with_shapes(std::string text, std::uint64_t count) {
    if (!text.starts_with("lowrank")) return text;
    const std::uint64_t rows = 1 + below(40), columns = count / rows;
    text.back() = ',';
    return text + skimp::text("shapes=", rows, 'x', columns, '+', count - rows * columns, ')');
  }

  Frame valid_frame(const char* text, const Expected& expected) {
    const auto [count, dtype] = std::pair(expected.count, expected.dtype);
    const CodecPtr codec = codec_from_text(with_shapes(text, count));
    std::vector<std::byte> input(count * bytes_of(dtype));
    const Sink<double> sink({input.data(), dtype});
    for (std::uint64_t i = 0; i < count; ++i) {
      sink.put_one(i, std::ldexp(static_cast<double>(below(2001)) - 1000, int(below(40)) - 20));
    }
    const Buffer workspace(codec->workspace_bytes(count, dtype));
    Frame frame(header_bytes + codec->payload_bytes(count, dtype));
    EncodeJob job;
    job.input = input.data();
    job.dtype = dtype;
    job.count = count;
    job.workspace = workspace.data();
    frame.resize(encode_frame(*codec, job, frame));
    return frame;
  }

  void damage(Frame& frame) {
    switch (below(12)) {
      case 0: frame.resize(below(frame.size() + 1)); break;
      case 1: frame.resize(frame.size() + 1 + below(40), std::byte(below(256))); break;
      case 2:  // By little: the size that suits a neighbouring count.
        frame.resize(frame.size() - std::min<std::uint64_t>(frame.size(), below(4)));
        break;
      case 3: splice(frame); break;
      case 4: set_field(frame); break;
      case 5: fill(frame); break;
      default:  // What keeps the size gets furthest.
        for (std::uint64_t flips = 1 + below(8); flips > 0; --flips) flip_bit(frame);
    }
  }

  void flip_bit(Frame& frame) {
    const std::uint64_t begin = below(4) == 0 ? 0 : header_bytes;
    if (frame.size() <= begin) return;
    frame[begin + below(frame.size() - begin)] ^= std::byte{1} << below(8);
  }

  /// Overwrites, removes or inserts a run of random bytes.
  void splice(Frame& frame) {
    const std::uint64_t begin = below(frame.size() + 1);
    const std::uint64_t end = std::min<std::uint64_t>(frame.size(), begin + below(24));
    Frame bytes(below(24));
    for (std::byte& byte : bytes) byte = std::byte(below(256));
    const auto at =
        frame.erase(frame.begin() + std::ptrdiff_t(begin), frame.begin() + std::ptrdiff_t(end));
    frame.insert(at, bytes.begin(), bytes.end());
  }

  /// Sets a header field to an edge value, or one near its own.
  void set_field(Frame& frame) {
    if (frame.size() < header_bytes) return;
    auto header = load<FrameHeader>(frame.data());
    const auto other = [&](std::uint64_t now) {
      return below(2) == 0 ? pick(edges) : now + below(5) - 2;
    };
    switch (below(6)) {
      case 0: header.codec = static_cast<std::uint8_t>(below(15)); break;
      case 1: header.dtype = static_cast<std::uint8_t>(below(6)); break;
      case 2: header.count = other(header.count); break;
      case 3: header.payload_bytes = other(header.payload_bytes); break;
      case 4: header.parameter = other(header.parameter); break;
      default: header.parameter ^= 1ull << below(64); break;
    }
    store(frame.data(), header);
  }

  /// Zeros or ones to the payload's end, from somewhere.
  void fill(Frame& frame) {
    if (frame.size() <= header_bytes) return;
    const std::uint64_t begin = header_bytes + below(frame.size() - header_bytes);
    const auto value = below(2) == 0 ? std::byte{0} : std::byte{0xFF};
    std::fill(frame.begin() + std::ptrdiff_t(begin), frame.end(), value);
  }

  std::mt19937_64 random_;
};

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

/// Headers and payloads that somebody who knows the format would try.
void handmade() {
  constexpr std::uint64_t float16 = 1ull << 48;
  const Expected eight{8, DType::float32};
  const Frame none, one = bytes_of_words({0x3F800000});

  // Sizes that overflow. A receiver that expected such a count would pass these to a decoder.
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

  for (const CodecId id : {CodecId::topk, CodecId::random_k}) {
    refuse("k > count", header_of(id, 9, 8), one, eight);
    refuse("k = 2^47", header_of(id, 1ull << 47, 8), one, eight);
    refuse("k = 2^48 − 1", header_of(id, float16 - 1, 8), one, eight);
  }
  refuse("rows of 0", header_of(CodecId::arc_topk, 1, 8), one, eight);
  refuse("k > rows", header_of(CodecId::arc_topk, 2 | 32ull << 48, 8), one, eight);
  refuse("k = 2^63", header_of(CodecId::random_k, 1ull << 63, 8), one, eight);
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

  for (const std::uint64_t id : {0, 1, 5, 6, 13, 255}) {
    refuse("no selection", header_of(CodecId::dct, 1 | 6ull << 52 | id << 56, 8), one, eight);
  }
  for (const std::uint64_t log : {0, 2, 9, 15}) {
    refuse("chunk", header_of(CodecId::dct, 1 | log << 52 | 4ull << 56, 8), one, eight);
  }
  refuse("k > count", header_of(CodecId::dct, 9 | 6ull << 52 | 4ull << 56, 8), one, eight);
  refuse("format 4", header_of(CodecId::dct, 1 | 1ull << 50 | 6ull << 52 | 4ull << 56, 8), one,
         eight);

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

  // The decoders themselves, with counts that frames are not allowed to have. They must find the
  // payload's size wrong before they touch the output, which is not there.
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: decode_fuzz SEED ITERATIONS\n");
    return 2;
  }
  const FloatEnvironment environment;
  handmade();
  Fuzzer(std::strtoull(argv[1], nullptr, 10)).run(std::strtoull(argv[2], nullptr, 10));
  return 0;
}
#endif
