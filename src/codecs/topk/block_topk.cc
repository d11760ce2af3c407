#include "codecs/topk/block_topk.h"

#include "base/isa.h"
#include "codecs/budget.h"
#include "codecs/topk/block.h"

namespace skimp {
namespace {

using topk::ArrayShape;
using topk::BlockShape;
using topk::Format;

class BlockTopK final : public Codec {
 public:
  BlockTopK(std::uint64_t k, std::uint64_t block, Format format)
      : k_(k), block_(block), format_(format) {}

  CodecId id() const override { return CodecId::block_topk; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = false,
            .sliceable = true,
            .blockwise = true,
            .contraction = true,
            .unbiased = false};
  }
  std::string text() const override {
    return skimp::text("block_topk(k=", k_, ",block=", block_, ",values=", topk::name_of(format_),
                       ")");
  }
  std::uint64_t parameter(std::uint64_t) const override {
    return block_ | k_ << 32 | static_cast<std::uint64_t>(format_) << 48;
  }
  std::uint64_t block() const override { return block_; }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return shape(count, dtype).bytes;
  }

  Encoded encode(const EncodeJob& job) const override {
    const bool finite = on_isa([&](auto isa) {
      return visit_accumulator(job.dtype, [&](auto value) {
        return encode_as<decltype(isa)::value, decltype(value)>(job);
      });
    });
    return {payload_bytes(job.count, job.dtype), !finite};
  }

  void decode(Bytes payload, std::uint64_t count, DType dtype,
              const Output& output) const override {
    const ArrayShape shape = this->shape(count, dtype);
    require_payload_bytes("block_topk", payload, shape.bytes);
    on_isa([&](auto) {
      visit_accumulator(dtype, [&](auto value) {
        SparseSink<decltype(value)> sink(output, count);
        shape.for_each_block([&](const BlockShape& block, std::uint64_t first, std::uint64_t byte) {
          topk::decode_block(block, format_, payload.subspan(byte, block.bytes), first, sink);
        });
        sink.finish();
      });
    });
  }

  std::uint64_t kept(std::uint64_t count) const override {
    return shape(count, DType::float32).kept();
  }

 private:
  ArrayShape shape(std::uint64_t count, DType dtype) const {
    return ArrayShape(count, block_, k_, format_, bytes_of(accumulator_of(dtype)));
  }

  template <Isa isa, class Value>
  bool encode_as(const EncodeJob& job) const {
    alignas(64) Value tile[largest_block];
    alignas(64) Value rest_tile[largest_block];
    topk::BlockEncoder<isa, Value> encoder(format_, k_);
    const Source<Value> source(job);
    const Sink<Value> residual(residual_output<Value>(job));
    bool all_finite = true;
    shape(job.count, job.dtype)
        .for_each_block([&](const BlockShape& block, std::uint64_t first, std::uint64_t byte) {
          const std::uint64_t n = block.indices.count;
          Value* rest = job.residual_out != nullptr ? residual.room(first, rest_tile) : nullptr;
          const Value* x = source.view(first, n, tile);
          all_finite &= encoder.encode(block, x, job.payload + byte, rest);
          if (rest != nullptr) residual.settle(first, n, rest);
        });
    return all_finite;
  }

  std::uint64_t k_;
  std::uint64_t block_;
  Format format_;
};

}  // namespace

CodecPtr make_block_topk(Arguments& arguments) {
  const Budget budget = Budget::take("block_topk", arguments);
  const std::uint64_t block = arguments.take_block(1024);
  const std::uint64_t k = budget.kept(block, "block");
  const std::string values = arguments.take_choice("values", {"float32", "float16", "bfloat16"});
  return std::make_shared<BlockTopK>(k, block, topk::format_of(values));
}

CodecPtr block_topk_from_parameter(std::uint64_t parameter) {
  const std::uint64_t block = parameter & 0xFFFFFFFFu;
  const std::uint64_t k = parameter >> 32 & 0xFFFFu;
  const std::uint64_t format = parameter >> 48;
  require_block("block_topk", block);
  require_intact(k >= 1 && k <= block, "block_topk: k = ", k, " of block = ", block,
                 " in the header");
  require_intact(format <= 2, "block_topk: format = ", format, " in the header");
  return std::make_shared<BlockTopK>(k, block, static_cast<Format>(format));
}

}  // namespace skimp
