#include "codecs/topk/entries.h"

#include "base/isa.h"
#include "codecs/blocks.h"
#include "codecs/budget.h"
#include "codecs/elements.h"
#include "codecs/topk/keys.h"
#include "codecs/topk/layout.h"

namespace skimp::topk {
std::uint64_t FormatEntries::parameter(std::uint64_t n) const {
  return n | static_cast<std::uint64_t>(format_) << 48;
}

std::uint64_t FormatEntries::entries_of(std::uint64_t parameter, Bytes, std::uint64_t most) const {
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

std::uint64_t CountedEntries::read_number(Bytes payload, std::uint64_t most) {
  require_intact(payload.size() >= number_bytes, "threshold: payload has ", payload.size(),
                 " bytes, fewer than the ", number_bytes, " of its number of elements");
  const auto n = load<std::uint64_t>(payload.data());
  require_intact(n <= most, "threshold: ", n, " elements where at most ", most, " are possible");
  return n;
}

std::uint64_t CountedEntries::entries_of(std::uint64_t parameter, Bytes payload,
                                         std::uint64_t most) const {
  require_intact(parameter == parameter_of(format_), "threshold: parameter ", parameter,
                 " where elements of ", name_of(format_), " were due");
  return read_number(payload, most);
}

std::uint64_t CountedEntries::payload_bytes(std::uint64_t n, std::uint64_t count,
                                            DType dtype) const {
  return number_bytes + entries_.payload_bytes(n, count, dtype);
}

void CountedEntries::encode(const std::uint64_t* indices, const void* values, std::uint64_t n,
                            std::uint64_t count, DType dtype, std::byte* payload,
                            void* delivered) const {
  store(payload, n);
  entries_.encode(indices, values, n, count, dtype, payload + number_bytes, delivered);
}

void CountedEntries::decode(Bytes payload, std::uint64_t n, std::uint64_t count, DType dtype,
                            std::uint64_t* indices, void* values) const {
  entries_.decode(payload.subspan(number_bytes), n, count, dtype, indices, values);
}

const EntryCoding& exact_entries(DType dtype) {
  static const FormatEntries of_float(Format::float32), of_double(Format::float64);
  return dtype == DType::float64 ? of_double : of_float;
}

}  // namespace skimp::topk
