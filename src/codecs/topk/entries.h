/// \file
/// Payloads of entries that somebody else has selected: of topk's form, and of threshold's, which
/// begins with their number.
#pragma once

#include "codecs/entries.h"
#include "codecs/topk/values.h"

namespace skimp::topk {

/// Format::float64 is for arrays of float64 alone.
class FormatEntries final : public EntryCoding {
 public:
  explicit FormatEntries(Format format) : format_(format) {}

  CodecId id() const override { return CodecId::topk; }
  std::uint64_t parameter(std::uint64_t n) const override;
  std::uint64_t entries_of(std::uint64_t parameter, Bytes payload,
                           std::uint64_t most) const override;
  std::uint64_t payload_bytes(std::uint64_t n, std::uint64_t count, DType dtype) const override;
  void encode(const std::uint64_t* indices, const void* values, std::uint64_t n,
              std::uint64_t count, DType dtype, std::byte* payload, void* delivered) const override;
  void decode(Bytes payload, std::uint64_t n, std::uint64_t count, DType dtype,
              std::uint64_t* indices, void* values) const override;

 private:
  Format format_;
};

class CountedEntries final : public EntryCoding {
 public:
  explicit CountedEntries(Format format) : format_(format), entries_(format) {}

  CodecId id() const override { return CodecId::threshold; }
  std::uint64_t parameter(std::uint64_t) const override { return parameter_of(format_); }
  std::uint64_t entries_of(std::uint64_t parameter, Bytes payload,
                           std::uint64_t most) const override;
  std::uint64_t payload_bytes(std::uint64_t n, std::uint64_t count, DType dtype) const override;
  void encode(const std::uint64_t* indices, const void* values, std::uint64_t n,
              std::uint64_t count, DType dtype, std::byte* payload, void* delivered) const override;
  void decode(Bytes payload, std::uint64_t n, std::uint64_t count, DType dtype,
              std::uint64_t* indices, void* values) const override;

  /// Bytes of the number in front.
  static constexpr std::uint64_t number_bytes = sizeof(std::uint64_t);
  static std::uint64_t parameter_of(Format format) {
    return static_cast<std::uint64_t>(format) << 48;
  }
  /// The number in front. Throws CorruptPayload when it is not there or exceeds `most`.
  static std::uint64_t read_number(Bytes payload, std::uint64_t most);

 private:
  Format format_;
  FormatEntries entries_;
};

/// The coding that keeps every bit of the accumulator's values.
const EntryCoding& exact_entries(DType dtype);

}  // namespace skimp::topk
