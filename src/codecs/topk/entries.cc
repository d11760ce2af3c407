#include "codecs/topk/entries.h"

#include <algorithm>

#include "base/isa.h"
#include "codecs/blocks.h"
#include "codecs/budget.h"
#include "codecs/elements.h"
#include "codecs/topk/layout.h"

namespace skimp::topk {
namespace {

/// The largest finite magnitude; 0 when there is none.
template <class Value>
Value largest_finite(const Value* values, std::uint64_t n) {
  BitsOf<Value> largest = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    const BitsOf<Value> magnitude = magnitude_bits(values[i]);
    largest = std::max(largest, magnitude < infinity_bits<Value> ? magnitude : 0);
  }
  return std::bit_cast<Value>(largest);
}

}  // namespace

std::uint64_t FormatEntries::parameter(std::uint64_t n) const {
  return n | static_cast<std::uint64_t>(format_) << 48;
}

std::uint64_t FormatEntries::entries_of(std::uint64_t parameter, std::uint64_t most) const {
  const std::uint64_t n = parameter & largest_kept;
  require_intact(parameter >> 48 == static_cast<std::uint64_t>(format_) && n <= most,
                 "topk: parameter ", parameter, " where at most ", most, " entries of ",
                 name_of(format_), " were due");
  return n;
}

std::uint64_t FormatEntries::payload_bytes(std::uint64_t n, std::uint64_t count,
                                           DType dtype) const {
  return Layout(count, n, format_, dtype).bytes;
}

void FormatEntries::encode(const std::uint64_t* indices, const void* values, std::uint64_t n,
                           std::uint64_t count, DType dtype, std::byte* payload,
                           void* delivered) const {
  const Layout layout(count, n, format_, dtype);
  on_isa([&](auto) {
    visit_accumulator(dtype, [&](auto value) {
      using Value = decltype(value);
      const auto* from = static_cast<const Value*>(values);
      const auto exponent = ValueCoding<Value>::exponent_for(format_, largest_finite(from, n));
      if (layout.scaled) store(payload, exponent);
      const ValueCoding<Value> coding(format_, exponent);
      coding.put(payload + layout.values_begin, 0, n, from, static_cast<Value*>(delivered));
    });
    IndexWriter writer(layout.indices, payload + layout.indices_begin);
    writer.put(0, indices, n);
    writer.finish();
  });
}

void FormatEntries::decode(Bytes payload, std::uint64_t n, std::uint64_t count, DType dtype,
                           std::uint64_t* indices, void* values) const {
  const Layout layout(count, n, format_, dtype);
  require_payload_bytes("topk", payload, layout.bytes);
  const std::int32_t exponent = layout.read_exponent(payload);
  on_isa([&](auto) {
    IndexReader reader(layout.indices, payload.subspan(layout.indices_begin));
    reader.read(indices, n);
    reader.finish();
    visit_accumulator(dtype, [&](auto value) {
      using Value = decltype(value);
      const ValueCoding<Value> coding(format_, exponent);
      coding.get(payload.data() + layout.values_begin, 0, n, static_cast<Value*>(values));
    });
  });
}

const EntryCoding& exact_entries(DType dtype) {
  static const FormatEntries of_float(Format::float32), of_double(Format::float64);
  return dtype == DType::float64 ? of_double : of_float;
}

}  // namespace skimp::topk
