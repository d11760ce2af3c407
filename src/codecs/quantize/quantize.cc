#include "codecs/quantize/quantize.h"

#include "codecs/blocks.h"
#include "codecs/quantize/planes.h"
#include "codecs/quantize/reference.h"

namespace skimp {
namespace {

enum class Rounding : std::uint8_t { nearest = 0, stochastic = 1 };

bool is_bits(std::uint64_t bits) { return bits == 8 || bits == 4 || bits == 3 || bits == 2; }

/// The random words of elements first … first + n − 1 of the whole array.
class Words {
 public:
  Words(std::uint64_t seed, RandomStream stream) : seed_(seed), stream_(stream) {}

  const std::uint32_t* draw(std::uint64_t first, std::uint64_t n) {
    const std::uint64_t begin = first / 4, end = divide_up(first + n, 4);
    for (std::uint64_t group = begin; group < end; ++group) {
      const auto words = skimp::draw(seed_, stream_, group);
      std::copy(words.begin(), words.end(), words_ + 4 * (group - begin));
    }
    return words_ + first % 4;
  }

 private:
  std::uint64_t seed_;
  RandomStream stream_;
  std::uint32_t words_[largest_block + 8];
};

class Quantize final : public Codec {
 public:
  Quantize(int bits, std::uint64_t block, Rounding rounding, std::uint64_t seed)
      : bits_(bits),
        largest_(quantize::largest_level(bits)),
        block_(block),
        rounding_(rounding),
        seed_(seed) {}

  CodecId id() const override { return CodecId::quantize; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = false,
            .sliceable = true,
            .contraction = rounding_ == Rounding::nearest,
            .unbiased = rounding_ == Rounding::stochastic};
  }
  std::string text() const override {
    const std::string shape = skimp::text("quantize(bits=", bits_, ",block=", block_);
    if (rounding_ == Rounding::nearest) return shape + ",rounding=nearest)";
    return skimp::text(shape, ",rounding=stochastic,seed=", seed_, ")");
  }
  std::uint64_t parameter(std::uint64_t) const override {
    return block_ | static_cast<std::uint64_t>(bits_) << 32 |
           static_cast<std::uint64_t>(rounding_) << 40;
  }
  std::uint64_t block() const override { return block_; }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return scales_bytes(count, dtype) + quantize::planes_bytes(count, bits_);
  }

  Encoded encode(const EncodeJob& job) const override {
    const quantize::Planes planes(job.payload + scales_bytes(job.count, job.dtype), job.count,
                                  bits_);
    const bool finite = visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      alignas(64) std::uint8_t codes[largest_block];
      Words words(seed_, job.random);
      return encode_blocks<Value>(
          job, block_, [&](std::uint64_t index, const Value* x, std::uint64_t n, Value* delivered) {
            const std::uint64_t begin = index * block_;
            Value scale = quantize::largest_magnitude(x, n);
            const bool block_finite = is_finite(scale);
            if (!block_finite) {
              scale = canonical_nan<Value>();
              std::fill(codes, codes + n, std::uint8_t{0});
            } else if (rounding_ == Rounding::nearest) {
              quantize::encode_nearest(x, n, scale, largest_, codes);
            } else {
              quantize::encode_stochastic(x, n, scale, largest_,
                                          words.draw(job.first_element + begin, n), codes);
            }
            store(job.payload + index * sizeof(Value), scale);
            planes.pack(begin, n, codes);
            if (delivered != nullptr) quantize::decode_block(codes, n, scale, largest_, delivered);
            return block_finite;
          });
    });
    return {payload_bytes(job.count, job.dtype), !finite};
  }

  void decode(Bytes payload, std::uint64_t count, DType dtype,
              const Output& output) const override {
    require_payload_bytes("quantize", payload, payload_bytes(count, dtype));
    const quantize::Planes planes(payload.data() + scales_bytes(count, dtype), count, bits_);
    visit_accumulator(dtype, [&](auto value) {
      using Value = decltype(value);
      alignas(64) std::uint8_t codes[largest_block];
      decode_blocks<Value>(
          count, block_, output, [&](std::uint64_t index, std::uint64_t n, Value* x) {
            const auto scale = load_scale<Value>(payload, index);
            require_scale(scale, "quantize", index);
            planes.unpack(index * block_, n, codes);
            const int largest_code = *std::max_element(codes, codes + n);
            require_intact(largest_code <= 2 * largest_, "quantize: code ", largest_code,
                           " in block ", index, " exceeds ", 2 * largest_);
            quantize::decode_block(codes, n, scale, largest_, x);
          });
    });
  }

 private:
  std::uint64_t scales_bytes(std::uint64_t count, DType dtype) const {
    return divide_up(count, block_) * bytes_of(accumulator_of(dtype));
  }

  int bits_;
  int largest_;  ///< L, the largest level
  std::uint64_t block_;
  Rounding rounding_;
  std::uint64_t seed_;
};

}  // namespace

CodecPtr make_quantize(Arguments& arguments) {
  const std::uint64_t bits = arguments.take_integer("bits").value_or(8);
  require(is_bits(bits), "quantize: bits = ", bits, " is not one of 8, 4, 3, 2");
  const std::uint64_t block = arguments.take_block(256);
  const bool nearest = arguments.take_choice("rounding", {"nearest", "stochastic"}) == "nearest";
  const std::uint64_t seed = arguments.take_integer("seed").value_or(0);
  return std::make_shared<Quantize>(static_cast<int>(bits), block,
                                    nearest ? Rounding::nearest : Rounding::stochastic, seed);
}

CodecPtr quantize_from_parameter(std::uint64_t parameter) {
  const std::uint64_t block = parameter & 0xFFFFFFFFu;
  const std::uint64_t bits = parameter >> 32 & 0xFFu;
  const std::uint64_t rounding = parameter >> 40;
  require_block("quantize", block);
  require_intact(is_bits(bits), "quantize: bits = ", bits, " in the header");
  require_intact(rounding <= 1, "quantize: rounding = ", rounding, " in the header");
  return std::make_shared<Quantize>(static_cast<int>(bits), block, static_cast<Rounding>(rounding),
                                    0);
}

}  // namespace skimp
