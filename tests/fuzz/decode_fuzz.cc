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
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/float_environment.h"
#include "codecs/elements.h"
#include "codecs/frame.h"
#include "codecs/registry.h"
#include "device/buffer.h"
#include "tests/fuzz/decoding.h"
#include "tests/fuzz/handmade_frames.h"

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
      const double value = std::ldexp(static_cast<double>(below(2001)) - 1000, int(below(40)) - 20);
      sink.put(i, 1, &value);
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
