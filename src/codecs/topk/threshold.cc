#include "codecs/topk/threshold.h"

#include <cmath>
#include <optional>

#include "base/isa.h"
#include "codecs/topk/above.h"
#include "codecs/topk/entries.h"
#include "codecs/topk/kept.h"

namespace skimp {
namespace {

using topk::CountedEntries;
using topk::Format;
using topk::Layout;
using topk::Limit;

class Threshold final : public Codec {
 public:
  /// Without a limit it can decode only.
  Threshold(std::optional<Limit> limit, Format format)
      : limit_(limit), format_(format), entries_(format) {}

  CodecId id() const override { return CodecId::threshold; }
  Traits traits() const override {
    return {.fixed_size = false,
            .linear = false,
            .sliceable = true,
            .blockwise = false,
            .contraction = limit_ && limit_->is_fraction,
            .unbiased = false};
  }
  std::string text() const override {
    std::string limit;
    if (limit_) {
      limit = (limit_->is_fraction ? "fraction=" : "magnitude=") + text_of(limit_->number) + ",";
    }
    return skimp::text("threshold(", limit, "values=", topk::name_of(format_), ")");
  }
  std::uint64_t parameter(std::uint64_t) const override {
    return CountedEntries::parameter_of(format_);
  }

  /// All elements may reach the threshold.
  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return entries_.payload_bytes(count, count, dtype);
  }
  std::uint64_t workspace_bytes(std::uint64_t count, DType dtype) const override {
    return visit_accumulator(dtype, [&](auto value) {
      return topk::Above<Isa::scalar, decltype(value)>::workspace_bytes(count);
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
    const std::uint64_t k = CountedEntries::read_number(payload, count);
    const Layout layout(count, k, format_, dtype);
    const Bytes entries = payload.subspan(CountedEntries::number_bytes);
    require_payload_bytes("threshold", entries, layout.bytes);
    on_isa([&](auto) {
      visit_accumulator(dtype, [&](auto value) {
        topk::read_kept<decltype(value)>(entries, layout, format_, output);
      });
    });
  }

  const EntryCoding* entry_coding() const override { return &entries_; }

 private:
  template <Isa isa, class Value>
  Encoded encode_as(const EncodeJob& job) const {
    topk::Above<isa, Value> above(job, *limit_);
    const Layout layout(job.count, above.kept(), format_, job.dtype);
    store(job.payload, above.kept());
    topk::KeptWriter<Value> writer(job, layout, format_, above.largest(),
                                   job.payload + CountedEntries::number_bytes);
    above.for_each_kept(
        [&](std::uint64_t base, const topk::List<Value>& kept) { writer.put(base, kept); });
    writer.finish();
    return {CountedEntries::number_bytes + layout.bytes, above.nonfinite()};
  }

  std::optional<Limit> limit_;
  Format format_;
  CountedEntries entries_;
};

}  // namespace

CodecPtr make_threshold(Arguments& arguments) {
  const auto magnitude = arguments.take_number("magnitude");
  const auto fraction = arguments.take_number("fraction");
  require(magnitude || fraction, "threshold: magnitude or fraction must be given, as in ",
          "threshold(magnitude=0.01)");
  require(!(magnitude && fraction), "threshold: give magnitude or fraction, not both");
  if (magnitude) {
    require(*magnitude > 0 && std::isfinite(*magnitude), "threshold: magnitude = ", *magnitude,
            " must be above 0 and finite");
  } else {
    require(*fraction > 0 && *fraction <= 1, "threshold: fraction = ", *fraction,
            " of the largest magnitude must lie in (0, 1]");
  }
  const std::string values = arguments.take_choice("values", {"float32", "float16", "bfloat16"});
  return std::make_shared<Threshold>(Limit{fraction.value_or(magnitude.value_or(0)), !magnitude},
                                     topk::format_of(values));
}

CodecPtr threshold_from_parameter(std::uint64_t parameter) {
  const std::uint64_t format = parameter >> 48;
  require_intact(format <= 2 && parameter == format << 48, "threshold: parameter = ", parameter,
                 " in the header");
  return std::make_shared<Threshold>(std::nullopt, static_cast<Format>(format));
}

}  // namespace skimp
