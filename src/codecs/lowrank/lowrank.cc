#include "codecs/lowrank/lowrank.h"

#include <optional>

#include "codecs/blocks.h"
#include "codecs/lowrank/device_workspace.h"
#include "codecs/lowrank/factors.h"
#include "codecs/lowrank/kernels.h"
#include "codecs/lowrank/layout.h"
#include "device/buffer.h"
#include "device/library.h"

namespace skimp {
namespace {

using lowrank::Factors;
using lowrank::Layout;
using lowrank::Shape;

/// Calls body(factors, Value{}) with the factors of the dtype's accumulator.
template <class Body>
auto with_factors(const Layout& layout, DType dtype, std::byte* workspace, Body&& body) {
  return visit_accumulator(dtype, [&](auto value) {
    Factors<decltype(value)> factors(layout, workspace);
    return body(factors, value);
  });
}

std::uint64_t factors_bytes(const Layout& layout, DType dtype) {
  return visit_accumulator(
      dtype, [&](auto value) { return Factors<decltype(value)>::workspace_bytes(layout); });
}

template <class Value>
std::byte* write_values(const Value* values, std::uint64_t count, std::byte* to) {
  for (std::uint64_t i = 0; i < count; ++i) store(to + i * sizeof(Value), canonical(values[i]));
  return to + count * sizeof(Value);
}

template <class Value>
const std::byte* read_values(const std::byte* from, std::uint64_t count, Value* values) {
  if (count > 0) std::memcpy(values, from, count * sizeof(Value));
  return from + count * sizeof(Value);
}

/// Two rounds: the P with what is not factored, then the Q.
class LowRankRounds final : public LinearRounds {
 public:
  LowRankRounds(const Layout& layout, DType dtype)
      : layout_(layout), workspace_(factors_bytes(layout, dtype)) {}

  int rounds() const override { return 2; }
  std::uint64_t buffer_count(int round) const override {
    return round == 0 ? layout_.first_count() : layout_.second_count();
  }

  bool make_buffer(int round, const EncodeJob& job, std::span<const Exchanged> before,
                   void* buffer) override {
    return with_factors(layout_, job.dtype, workspace_.data(), [&](auto& factors, auto value) {
      using Value = decltype(value);
      auto* values = static_cast<Value*>(buffer);
      if (round == 0) {
        factors.sketch(job, values);
      } else {
        factors.project(job, static_cast<const Value*>(before[0].sum), values);
      }
      return !all_finite(values, buffer_count(round));
    });
  }

  void finish(const EncodeJob& job, std::span<const Exchanged> rounds,
              const Output& output) override {
    with_factors(layout_, job.dtype, workspace_.data(), [&](auto& factors, auto value) {
      using Value = decltype(value);
      const auto* second = static_cast<const Value*>(rounds[1].sum);
      factors.deliver(job, static_cast<const Value*>(rounds[1].sent),
                      static_cast<const Value*>(rounds[0].sum), second, &output);
      if (job.memory_out != nullptr) {
        factors.remember(second, static_cast<Value*>(job.memory_out));
      }
    });
  }

  void make_buffer_on(const DeviceStream& stream, int round, const EncodeJob& job,
                      std::span<const Exchanged> before, void* buffer,
                      DeviceStatus* status) override {
    if (round == 0) {
      SKIMP_ON_DEVICE(skimp_cuda_lowrank_sketch, stream, layout_, job, buffer, status);
    } else {
      SKIMP_ON_DEVICE(skimp_cuda_lowrank_project, stream, layout_, job, before[0].sum, nullptr,
                      buffer, status);
    }
  }

  void finish_on(const DeviceStream& stream, const EncodeJob& job,
                 std::span<const Exchanged> rounds, const Output& output) override {
    const SkimpLowRankFactors factors{rounds[1].sent, rounds[0].sum, rounds[1].sum};
    SKIMP_ON_DEVICE(skimp_cuda_lowrank_deliver, stream, layout_, job, factors, &output);
    SKIMP_ON_DEVICE(skimp_cuda_lowrank_remember, stream, layout_, job, rounds[1].sum);
  }

 private:
  Layout layout_;
  Buffer workspace_;
};

class LowRank final : public Codec {
 public:
  LowRank(std::uint64_t rank, bool warm_start, std::optional<std::vector<Shape>> shapes)
      : rank_(rank), warm_start_(warm_start), shapes_(std::move(shapes)) {
    if (shapes_) layout_.emplace(rank_, *shapes_);
    text_ = skimp::text("lowrank(rank=", rank_, ",warm_start=", warm_start_ ? "yes" : "no",
                        shapes_ ? ",shapes=" + lowrank::text_of(*shapes_) : "", ")");
  }

  CodecId id() const override { return CodecId::lowrank; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = true,
            .sliceable = false,
            .blockwise = false,
            .contraction = true,
            .unbiased = false};
  }
  std::string text() const override { return text_; }
  std::uint64_t parameter(std::uint64_t) const override { return rank_; }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return payload_bytes_of(layout_for(count), dtype);
  }

  std::uint64_t memory_count(std::uint64_t count) const override {
    return warm_start_ ? layout_for(count).second_count() : 0;
  }

  /// The two buffers, and what the factorisation needs.
  std::uint64_t workspace_bytes(std::uint64_t count, DType dtype) const override {
    const Layout& layout = layout_for(count);
    return buffer_bytes(layout.first_count(), dtype) + buffer_bytes(layout.second_count(), dtype) +
           factors_bytes(layout, dtype);
  }

  Encoded encode(const EncodeJob& job) const override {
    const Layout& layout = layout_for(job.count);
    std::byte* first_at = job.workspace;
    std::byte* second_at = first_at + buffer_bytes(layout.first_count(), job.dtype);
    std::byte* rest = second_at + buffer_bytes(layout.second_count(), job.dtype);
    const bool finite = with_factors(layout, job.dtype, rest, [&](auto& factors, auto value) {
      using Value = decltype(value);
      auto* first = reinterpret_cast<Value*>(first_at);
      auto* second = reinterpret_cast<Value*>(second_at);
      factors.sketch(job, first);
      factors.project(job, first, second);
      std::copy(factors.p(), factors.p() + layout.p_count(), first);
      if (job.residual_out != nullptr) factors.deliver(job, second, first, second, nullptr);
      if (job.memory_out != nullptr) {
        factors.remember(second, static_cast<Value*>(job.memory_out));
      }
      std::byte* to = lowrank::write_shapes(*shapes_, job.payload);
      to = write_values(first, layout.first_count(), to);
      write_values(second, layout.second_count(), to);
      return all_finite(first, layout.first_count()) && all_finite(second, layout.second_count());
    });
    return {payload_bytes_of(layout, job.dtype), !finite};
  }

  void decode(Bytes payload, std::uint64_t count, DType dtype,
              const Output& output) const override {
    const std::vector<Shape> shapes = shapes_of(payload, count);
    const Layout layout(rank_, shapes);
    require_payload_bytes("lowrank", payload, payload_bytes_of(layout, dtype));
    const std::uint64_t first_bytes = buffer_bytes(layout.first_count(), dtype);
    const std::uint64_t second_bytes = buffer_bytes(layout.second_count(), dtype);
    const Buffer workspace(first_bytes + second_bytes + factors_bytes(layout, dtype));
    std::byte* rest = workspace.data() + first_bytes + second_bytes;
    with_factors(layout, dtype, rest, [&](auto& factors, auto value) {
      using Value = decltype(value);
      auto* first = reinterpret_cast<Value*>(workspace.data());
      auto* second = reinterpret_cast<Value*>(workspace.data() + first_bytes);
      const std::byte* from = payload.data() + lowrank::shapes_bytes(shapes.size());
      from = read_values(from, layout.first_count(), first);
      read_values(from, layout.second_count(), second);
      std::copy(first, first + layout.p_count(), factors.p());
      factors.deliver({}, nullptr, first, second, &output);
    });
  }

  DeviceWorkspaceBytes device_workspace_bytes(std::uint64_t count, DType dtype) const override {
    const std::size_t value_bytes = bytes_of(accumulator_of(dtype));
    const std::uint64_t bytes = lowrank::DeviceWorkspace(layout_for(count), value_bytes).bytes;
    return {.encode = bytes, .decode = bytes};
  }

  void encode_on(const DeviceStream& stream, const EncodeJob& job,
                 DeviceStatus* status) const override {
    const Layout& layout = layout_for(job.count);
    std::byte* first = job.payload + lowrank::shapes_bytes(layout.pieces().size());
    std::byte* second = first + layout.first_count() * bytes_of(accumulator_of(job.dtype));
    SKIMP_ON_DEVICE(skimp_cuda_lowrank_shapes, stream, layout, job.payload);
    SKIMP_ON_DEVICE(skimp_cuda_lowrank_sketch, stream, layout, job, first, status);
    SKIMP_ON_DEVICE(skimp_cuda_lowrank_project, stream, layout, job, first, first, second, status);
    const SkimpLowRankFactors factors{second, first, second};
    SKIMP_ON_DEVICE(skimp_cuda_lowrank_deliver, stream, layout, job, factors, nullptr);
    SKIMP_ON_DEVICE(skimp_cuda_lowrank_remember, stream, layout, job, second);
  }

  void decode_on(const DeviceStream& stream, const DecodeJob& job,
                 DeviceStatus* status) const override {
    const Layout& layout = layout_for(job.count);
    const std::byte* first = job.payload + lowrank::shapes_bytes(layout.pieces().size());
    const std::byte* second = first + layout.first_count() * bytes_of(accumulator_of(job.dtype));
    EncodeJob values;
    values.dtype = job.dtype;
    values.count = job.count;
    values.workspace = job.workspace;
    SKIMP_ON_DEVICE(skimp_cuda_lowrank_check, stream, layout, job.payload, status);
    SKIMP_ON_DEVICE(skimp_cuda_lowrank_take, stream, layout, values, first);
    const SkimpLowRankFactors factors{nullptr, first, second};
    SKIMP_ON_DEVICE(skimp_cuda_lowrank_deliver, stream, layout, values, factors, &job.output);
  }

  bool has_kernels() const override { return true; }

  CodecPtr reading(Bytes payload, std::uint64_t count) const override {
    return std::make_shared<LowRank>(rank_, warm_start_, shapes_of(payload, count));
  }

  std::unique_ptr<LinearRounds> linear_rounds(std::uint64_t count, DType dtype) const override {
    return std::make_unique<LowRankRounds>(layout_for(count), dtype);
  }

 private:
  static std::uint64_t buffer_bytes(std::uint64_t values, DType dtype) {
    return divide_up(values * bytes_of(accumulator_of(dtype)), 64) * 64;
  }
  static std::uint64_t payload_bytes_of(const Layout& layout, DType dtype) {
    return lowrank::shapes_bytes(layout.pieces().size()) +
           (layout.first_count() + layout.second_count()) * bytes_of(accumulator_of(dtype));
  }

  std::vector<Shape> shapes_of(Bytes payload, std::uint64_t count) const {
    std::vector<Shape> shapes = lowrank::read_shapes(payload, count);
    require_intact(!shapes_ || shapes == *shapes_, "lowrank: a payload of shapes ",
                   lowrank::text_of(shapes), " where ", text_, " was due");
    return shapes;
  }

  const Layout& layout_for(std::uint64_t count) const {
    require(layout_.has_value(), "lowrank: needs the shapes of what is to be encoded, as in ",
            "lowrank(rank=", rank_, ",shapes=512x128+128): a matrix of 512 rows and 128 columns, ",
            "then a vector of 128");
    require(layout_->count() == count, "lowrank: shapes ", lowrank::text_of(*shapes_), " have ",
            layout_->count(), " elements, the array has count = ", count);
    return *layout_;
  }

  std::uint64_t rank_;
  bool warm_start_;
  std::optional<std::vector<Shape>> shapes_;
  std::optional<Layout> layout_;
  std::string text_;
};

}  // namespace

CodecPtr make_lowrank(Arguments& arguments) {
  const std::uint64_t rank = arguments.take_integer("rank").value_or(4);
  require(rank >= 1 && rank <= lowrank::largest_rank, "lowrank: rank = ", rank,
          " must lie in 1 to ", lowrank::largest_rank);
  const bool warm_start = arguments.take_choice("warm_start", {"yes", "no"}) == "yes";
  std::optional<std::vector<Shape>> shapes;
  if (const auto text = arguments.take_text("shapes")) shapes = lowrank::shapes_from_text(*text);
  return std::make_shared<LowRank>(rank, warm_start, std::move(shapes));
}

CodecPtr lowrank_from_parameter(std::uint64_t parameter) {
  require_intact(parameter >= 1 && parameter <= lowrank::largest_rank, "lowrank: rank ", parameter,
                 " in the header");
  return std::make_shared<LowRank>(parameter, true, std::nullopt);
}

}  // namespace skimp
