#include "codecs/arc_topk/arc_topk.h"

#include "base/isa.h"
#include "codecs/arc_topk/sketch.h"
#include "codecs/blocks.h"
#include "codecs/budget.h"

namespace skimp {
namespace {

using namespace arc_topk;

struct Sketch {
  std::uint64_t seed;
  std::uint64_t vectors;
};

/// Fills `numbers` with the sketch of a job's values; returns whether they are finite.
template <class Value>
bool make_sketch(const EncodeJob& job, const Rows& rows, const Sketch& sketch, Value* numbers) {
  const auto signs = draw_vectors<Value>(sketch.seed, job.random, sketch.vectors, rows.length);
  return on_isa([&](auto) { return arc_topk::make_sketch<Value>(job, rows, signs, numbers); });
}

/// Two rounds: the sketch, then the rows that the sum of sketches chose.
class ArcTopKRounds final : public LinearRounds {
 public:
  ArcTopKRounds(const Rows& rows, const Sketch& sketch) : rows_(rows), sketch_(sketch) {}

  int rounds() const override { return 2; }
  std::uint64_t buffer_count(int round) const override {
    return round == 0 ? rows_.number() * sketch_.vectors : rows_.values();
  }

  bool make_buffer(int round, const EncodeJob& job, std::span<const Exchanged> before,
                   void* buffer) override {
    return !visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      if (round == 0) return make_sketch(job, rows_, sketch_, static_cast<Value*>(buffer));
      chosen_ = choose(static_cast<const Value*>(before[0].sum), sketch_.vectors, rows_);
      gather<Value>(job, rows_, chosen_, static_cast<std::byte*>(buffer));
      return true;
    });
  }

  /// The residual comes first: the output may be the input.
  void finish(const EncodeJob& job, std::span<const Exchanged> rounds,
              const Output& output) override {
    visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      leave_out<Value>(job, rows_, chosen_);
      scatter<Value>(static_cast<const std::byte*>(rounds[1].sum), rows_, chosen_, output);
    });
  }

 private:
  Rows rows_;
  Sketch sketch_;
  Chosen chosen_;
};

class ArcTopK final : public Codec {
 public:
  ArcTopK(const Budget& budget, std::uint64_t row, const Sketch& sketch)
      : budget_(budget), row_(row), sketch_(sketch) {}

  CodecId id() const override { return CodecId::arc_topk; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = true,
            .sliceable = false,
            .blockwise = false,
            .contraction = true,
            .unbiased = false};
  }
  std::string text() const override {
    return skimp::text("arc_topk(", budget_.text(), ",row=", row_, ",sketch=", sketch_.vectors,
                       ",seed=", sketch_.seed, ")");
  }
  std::uint64_t parameter(std::uint64_t count) const override {
    return rows_of(count).k | row_ << 48;
  }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return payload_bytes_of(rows_of(count), dtype);
  }
  std::uint64_t workspace_bytes(std::uint64_t count, DType dtype) const override {
    return divide_up(count, row_) * sketch_.vectors * bytes_of(accumulator_of(dtype));
  }

  Encoded encode(const EncodeJob& job) const override {
    const Rows rows = rows_of(job.count);
    const bool finite = visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      auto* numbers = reinterpret_cast<Value*>(job.workspace);
      const bool all_finite = make_sketch(job, rows, sketch_, numbers);
      const Chosen chosen = choose<Value>(numbers, sketch_.vectors, rows);
      const std::uint64_t bitmap = bytes_of_bits(rows.number());
      std::fill(job.payload, job.payload + bitmap, std::byte{0});
      for (const std::uint64_t row : chosen) job.payload[row / 8] |= std::byte{1} << row % 8;
      gather<Value>(job, rows, chosen, job.payload + bitmap);
      leave_out<Value>(job, rows, chosen);
      return all_finite;
    });
    return {payload_bytes_of(rows, job.dtype), !finite};
  }

  void decode(Bytes payload, std::uint64_t count, DType dtype,
              const Output& output) const override {
    const Rows rows{count, row_, budget_.kept_of_received(divide_up(count, row_))};
    require_payload_bytes("arc_topk", payload, payload_bytes_of(rows, dtype));
    const std::uint64_t bitmap = bytes_of_bits(rows.number());
    Chosen chosen;
    for (std::uint64_t row = 0; row < 8 * bitmap; ++row) {
      if ((payload[row / 8] >> row % 8 & std::byte{1}) != std::byte{0}) chosen.push_back(row);
    }
    require_intact(chosen.size() == rows.k && (rows.k == 0 || chosen.back() < rows.number()),
                   "arc_topk: ", chosen.size(), " of ", rows.number(),
                   " rows are marked, k = ", rows.k);
    visit_accumulator(dtype, [&](auto value) {
      require_padding<decltype(value)>(payload, rows, chosen);
      scatter<decltype(value)>(payload.data() + bitmap, rows, chosen, output);
    });
  }

  std::uint64_t kept(std::uint64_t count) const override {
    return Rows{count, row_, budget_.kept_at_most(divide_up(count, row_))}.values();
  }

  std::unique_ptr<LinearRounds> linear_rounds(std::uint64_t count, DType) const override {
    return std::make_unique<ArcTopKRounds>(rows_of(count), sketch_);
  }

 private:
  Rows rows_of(std::uint64_t count) const {
    return {count, row_, budget_.kept(divide_up(count, row_))};
  }

  static std::uint64_t payload_bytes_of(const Rows& rows, DType dtype) {
    return bytes_of_bits(rows.number()) + rows.values() * bytes_of(accumulator_of(dtype));
  }

  Budget budget_;
  std::uint64_t row_;
  Sketch sketch_;
};

}  // namespace

CodecPtr make_arc_topk(Arguments& arguments) {
  const Budget budget = Budget::take("arc_topk", arguments);
  const std::uint64_t row = arguments.take_block(512, "row");
  const std::uint64_t vectors = arguments.take_integer("sketch").value_or(4);
  require(vectors >= 1 && vectors <= largest_sketch, "arc_topk: sketch = ", vectors,
          " must lie in 1 to ", largest_sketch);
  const std::uint64_t seed = arguments.take_integer("seed").value_or(0);
  return std::make_shared<ArcTopK>(budget, row, Sketch{seed, vectors});
}

CodecPtr arc_topk_from_parameter(std::uint64_t parameter) {
  const std::uint64_t row = parameter >> 48;
  require_block("arc_topk", row);
  return std::make_shared<ArcTopK>(Budget::of_k("arc_topk", parameter & largest_kept), row,
                                   Sketch{0, 4});
}

}  // namespace skimp
