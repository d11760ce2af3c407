#include "codecs/topk/topk.h"

#include "codecs/blocks.h"
#include "codecs/budget.h"
#include "codecs/elements.h"
#include "codecs/topk/device_workspace.h"
#include "codecs/topk/entries.h"
#include "codecs/topk/kept.h"
#include "codecs/topk/kernels.h"
#include "codecs/topk/layout.h"
#include "codecs/topk/selection.h"
#include "device/library.h"

namespace skimp {
namespace {

using topk::Format;
using topk::Layout;

class TopK final : public Codec {
 public:
  TopK(const Budget& budget, Format format) : budget_(budget), format_(format), entries_(format) {}

  CodecId id() const override { return CodecId::topk; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = false,
            .sliceable = true,
            .blockwise = false,
            .contraction = true,
            .unbiased = false};
  }
  std::string text() const override {
    return skimp::text("topk(", budget_.text(), ",values=", topk::name_of(format_), ")");
  }
  std::uint64_t parameter(std::uint64_t count) const override {
    return budget_.kept(count) | static_cast<std::uint64_t>(format_) << 48;
  }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return Layout(count, budget_.kept(count), format_, dtype).bytes;
  }
  bool takes_addends() const override { return true; }
  std::uint64_t workspace_bytes(std::uint64_t count, DType dtype) const override {
    return visit_accumulator(dtype, [&](auto value) {
      return topk::Selection<Isa::scalar, decltype(value)>::workspace_bytes(count,
                                                                            budget_.kept(count));
    });
  }

  Encoded encode(const EncodeJob& job) const override {
    return on_isa([&](auto isa) {
      return visit_accumulator(job.dtype, [&](auto value) {
        return encode_as<decltype(isa)::value, decltype(value)>(job);
      });
    });
  }

  void decode(Bytes payload, std::uint64_t count, DType dtype,
              const Output& output) const override {
    const std::uint64_t k = budget_.kept_of_received(count);
    const Layout layout(count, k, format_, dtype);
    require_payload_bytes("topk", payload, layout.bytes);
    on_isa([&](auto) {
      visit_accumulator(dtype, [&](auto value) {
        topk::read_kept<decltype(value)>(payload, layout, format_, output);
      });
    });
  }

  DeviceWorkspaceBytes device_workspace_bytes(std::uint64_t count, DType dtype) const override {
    return topk::device_workspace_bytes(count, budget_.kept(count), dtype);
  }

  bool has_kernels() const override { return true; }

  void encode_on(const DeviceStream& stream, const EncodeJob& job,
                 DeviceStatus* status) const override {
    const topk::KernelArguments arguments{
        Layout(job.count, budget_.kept(job.count), format_, job.dtype), format_};
    SKIMP_ON_DEVICE(skimp_cuda_topk_encode, stream, job, arguments, status);
  }

  void decode_on(const DeviceStream& stream, const DecodeJob& job,
                 DeviceStatus* status) const override {
    const topk::KernelArguments arguments{
        Layout(job.count, budget_.kept_of_received(job.count), format_, job.dtype), format_};
    SKIMP_ON_DEVICE(skimp_cuda_topk_decode, stream, job, arguments, status);
  }

  CodecPtr slice(std::uint64_t begin, std::uint64_t end, std::uint64_t count) const override {
    return std::make_shared<TopK>(budget_.slice(begin, end, count), format_);
  }

  std::uint64_t kept(std::uint64_t count) const override { return budget_.kept_at_most(count); }

  const EntryCoding* entry_coding() const override { return &entries_; }

 private:
  template <Isa isa, class Value>
  Encoded encode_as(const EncodeJob& job) const {
    const std::uint64_t k = budget_.kept(job.count);
    const Layout layout(job.count, k, format_, job.dtype);
    topk::Selection<isa, Value> selection(job, k);
    topk::KeptWriter<Value> writer(job, layout, format_, selection.largest(), job.payload);
    selection.for_each_kept(
        [&](std::uint64_t base, const topk::List<Value>& kept) { writer.put(base, kept); });
    writer.finish();
    auto* residual = static_cast<Value*>(job.residual_out);
    if (selection.nonfinite() && residual != nullptr) clear_nonfinite(residual, job.count);
    return {layout.bytes, selection.nonfinite(), selection.guessed()};
  }

  /// More values may be NaN or Inf than are kept.
  template <class Value>
  static void clear_nonfinite(Value* residual, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      residual[i] = finite_or_zero(residual[i]);
    }
  }

  Budget budget_;
  Format format_;
  topk::FormatEntries entries_;
};

}  // namespace

CodecPtr make_topk(Arguments& arguments) {
  const Budget budget = Budget::take("topk", arguments);
  const std::string values = arguments.take_choice("values", {"float32", "float16", "bfloat16"});
  return std::make_shared<TopK>(budget, topk::format_of(values));
}

CodecPtr topk_from_parameter(std::uint64_t parameter) {
  const std::uint64_t format = parameter >> 48;
  require_intact(format <= 2, "topk: format = ", format, " in the header");
  return std::make_shared<TopK>(Budget::of_k("topk", parameter & largest_kept),
                                static_cast<Format>(format));
}

}  // namespace skimp
