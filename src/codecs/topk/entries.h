/// \file
/// Top-k payloads of entries that somebody else has selected.
#pragma once

#include "codecs/entries.h"
#include "codecs/topk/values.h"

namespace skimp::topk {

/// Format::float64 is for arrays of float64 alone.
class FormatEntries final : public EntryCoding {
 public:
  explicit FormatEntries(Format format) : format_(format) {}

  std::uint64_t parameter(std::uint64_t n) const override;
  std::uint64_t entries_of(std::uint64_t parameter, std::uint64_t most) const override;
  std::uint64_t payload_bytes(std::uint64_t n, std::uint64_t count, DType dtype) const override;
  void encode(const std::uint64_t* indices, const void* values, std::uint64_t n,
              std::uint64_t count, DType dtype, std::byte* payload, void* delivered) const override;
  void decode(Bytes payload, std::uint64_t n, std::uint64_t count, DType dtype,
              std::uint64_t* indices, void* values) const override;

 private:
  Format format_;
};

/// The coding that keeps every bit of the accumulator's values.
const EntryCoding& exact_entries(DType dtype);

}  // namespace skimp::topk
