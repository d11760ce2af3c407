#include "codecs/dct/dct.h"

#include <bit>
#include <numeric>
#include <utility>

#include "base/isa.h"
#include "codecs/blocks.h"
#include "codecs/dct/transform.h"
#include "codecs/elements.h"
#include "codecs/registry.h"
#include "device/buffer.h"

namespace skimp {
namespace {

constexpr std::uint64_t smallest_chunk = 8;
static_assert(tile_elements % dct::largest_chunk == 0, "tiles are whole chunks");

/// A parameter is the other codec's, the logarithm of chunk from this bit, and the other's id.
constexpr int chunk_bit = 52;
constexpr int id_bit = 56;

bool is_selection(CodecId id) {
  return id == CodecId::topk || id == CodecId::block_topk || id == CodecId::threshold;
}

class Dct final : public Codec {
 public:
  Dct(CodecPtr selection, std::uint64_t chunk) : selection_(std::move(selection)), chunk_(chunk) {}

  CodecId id() const override { return CodecId::dct; }
  Traits traits() const override { return selection_->traits(); }
  std::string text() const override {
    return skimp::text("dct(codec=", selection_->text(), ",chunk=", chunk_, ")");
  }
  std::uint64_t parameter(std::uint64_t count) const override {
    return selection_->parameter(count) |
           static_cast<std::uint64_t>(std::countr_zero(chunk_)) << chunk_bit |
           static_cast<std::uint64_t>(selection_->id()) << id_bit;
  }
  std::uint64_t block() const override { return std::lcm(chunk_, selection_->block()); }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return selection_->payload_bytes(count, dtype);
  }
  std::uint64_t workspace_bytes(std::uint64_t count, DType dtype) const override {
    return coefficients_bytes(count, dtype) + selection_->workspace_bytes(count, dtype);
  }

  Encoded encode(const EncodeJob& job) const override {
    return visit_accumulator(job.dtype,
                             [&](auto value) { return encode_as<decltype(value)>(job); });
  }

  void decode(Bytes payload, std::uint64_t count, DType dtype,
              const Output& output) const override {
    const Buffer buffer(coefficients_bytes(count, dtype));
    visit_accumulator(dtype, [&](auto value) {
      using Value = decltype(value);
      auto* values = buffer.as<Value>();
      selection_->decode(payload, count, dtype, {values, accumulator_of(dtype)});
      on_isa([&](auto) {
        const Sink<Value> sink(output);
        for_each_tile_of(count, [&](std::uint64_t begin, std::uint64_t n) {
          invert_tile(values + begin, n);
          sink.put(begin, n, values + begin);
        });
      });
    });
  }

  CodecPtr slice(std::uint64_t begin, std::uint64_t end, std::uint64_t count) const override {
    return std::make_shared<Dct>(selection_->slice(begin, end, count), chunk_);
  }

  /// Coefficients: without all of them no element is sure to keep its value.
  std::uint64_t kept(std::uint64_t count) const override { return selection_->kept(count); }

 private:
  static std::uint64_t coefficients_bytes(std::uint64_t count, DType dtype) {
    return divide_up(count * bytes_of(accumulator_of(dtype)), 64) * 64;
  }

  template <class Visit>
  static void for_each_tile_of(std::uint64_t count, Visit&& visit) {
    for (std::uint64_t begin = 0; begin < count; begin += tile_elements) {
      visit(begin, std::min(tile_elements, count - begin));
    }
  }

  template <class Value>
  void invert_tile(Value* tile, std::uint64_t n) const {
    dct::for_each_piece(n, chunk_, [&](auto size, std::uint64_t begin) {
      dct::invert<decltype(size)::value>(tile + begin);
    });
  }

  template <class Value>
  Encoded encode_as(const EncodeJob& job) const {
    auto* coefficients = reinterpret_cast<Value*>(job.workspace);
    const Source<Value> source(job);
    on_isa([&](auto) {
      for_each_tile_of(job.count, [&](std::uint64_t begin, std::uint64_t n) {
        source.load(begin, n, coefficients + begin);
        dct::for_each_piece(n, chunk_, [&](auto size, std::uint64_t at) {
          dct::transform<decltype(size)::value>(coefficients + begin + at);
        });
      });
    });
    const DType dtype = accumulator_of(job.dtype);
    EncodeJob of_coefficients;
    of_coefficients.input = coefficients;
    of_coefficients.dtype = dtype;
    of_coefficients.count = job.count;
    of_coefficients.payload = job.payload;
    of_coefficients.workspace = job.workspace + coefficients_bytes(job.count, job.dtype);
    const Encoded encoded = selection_->encode(of_coefficients);
    if (job.residual_out != nullptr)
      write_residual(job, {job.payload, encoded.bytes}, coefficients);
    return encoded;
  }

  /// What decoders leave out, element by element. The coefficients make room for theirs.
  template <class Value>
  void write_residual(const EncodeJob& job, Bytes payload, Value* values) const {
    const DType dtype = accumulator_of(job.dtype);
    selection_->decode(payload, job.count, dtype, {values, dtype});
    const Source<Value> source(job);
    const Sink<Value> residual(residual_output<Value>(job));
    on_isa([&](auto) {
      alignas(64) Value tile[tile_elements];
      for_each_tile_of(job.count, [&](std::uint64_t begin, std::uint64_t n) {
        invert_tile(values + begin, n);
        put_residual(residual, begin, n, source.view(begin, n, tile), values + begin);
      });
    });
  }

  CodecPtr selection_;
  std::uint64_t chunk_;
};

}  // namespace

CodecPtr make_dct(Arguments& arguments) {
  const auto text = arguments.take_text("codec");
  require(text.has_value(), "dct: codec must be given, as in dct(codec=topk(density=0.01))");
  const std::string name = Arguments(*text).name();
  require(name == "topk" || name == "block_topk" || name == "threshold", "dct: codec = ", *text,
          " is none of topk, block_topk, threshold");
  const std::uint64_t chunk = arguments.take_integer("chunk").value_or(64);
  require(std::has_single_bit(chunk) && chunk >= smallest_chunk && chunk <= dct::largest_chunk,
          "dct: chunk = ", chunk, " must be a power of two from ", smallest_chunk, " to ",
          dct::largest_chunk);
  return std::make_shared<Dct>(codec_from_text(*text), chunk);
}

CodecPtr dct_from_parameter(std::uint64_t parameter) {
  const std::uint64_t id = parameter >> id_bit, log = parameter >> chunk_bit & 15;
  require_intact(is_selection(static_cast<CodecId>(id)), "dct: codec ", id,
                 " in the header is no selection");
  const std::uint64_t chunk = std::uint64_t{1} << log;
  require_intact(chunk >= smallest_chunk && chunk <= dct::largest_chunk, "dct: chunk = ", chunk,
                 " in the header");
  const std::uint64_t others = parameter & ((std::uint64_t{1} << chunk_bit) - 1);
  return std::make_shared<Dct>(codec_from_header(static_cast<std::uint8_t>(id), others), chunk);
}

}  // namespace skimp
