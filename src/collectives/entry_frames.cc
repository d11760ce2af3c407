#include "collectives/entry_frames.h"

namespace skimp {

std::string refuses_unless_entries(const Call& call, const World&) {
  if (call.codec->entry_coding() != nullptr) return "";
  return "merges selected elements and cannot run " + call.codec->text();
}

template <class Value>
FrameHeader write_entries(const Run& run, const EntryCoding& coding, const Entries<Value>& entries,
                          std::uint64_t count, Buffer& payload, Value* delivered) {
  constexpr DType dtype = dtype_of_values<Value>;
  FrameHeader header;
  header.codec = static_cast<std::uint8_t>(coding.id());
  header.dtype = static_cast<std::uint8_t>(dtype);
  header.flags = run.nonfinite ? nonfinite_flag : 0;
  header.count = count;
  header.payload_bytes = coding.payload_bytes(entries.size(), count, dtype);
  header.parameter = coding.parameter(entries.size());
  payload.reserve(header.payload_bytes);
  coding.encode(entries.indices.data(), entries.values.data(), entries.size(), count, dtype,
                payload.data(), delivered);
  return header;
}

template <class Value>
void read_entries(Run& run, const Frame& frame, const EntryCoding& coding, std::uint64_t count,
                  std::uint64_t most, Entries<Value>& entries) {
  const FrameHeader& header = frame.header;
  require_intact(header.codec == static_cast<int>(coding.id()) && header.count == count &&
                     accumulator_of(static_cast<DType>(header.dtype)) == dtype_of_values<Value>,
                 "from rank ", header.sender, ": a frame of ", header.count, " elements, codec ",
                 int{header.codec}, ", where entries of ", count, " ",
                 name_of(dtype_of_values<Value>), " elements were due");
  run.nonfinite |= (header.flags & nonfinite_flag) != 0;
  try {
    entries.resize(coding.entries_of(header.parameter, frame.payload, most));
    coding.decode(frame.payload, entries.size(), count, dtype_of_values<Value>,
                  entries.indices.data(), entries.values.data());
  } catch (const Error& error) {
    fail(error.status(), "from rank ", header.sender, ": ", error.what());
  }
}

template FrameHeader write_entries(const Run&, const EntryCoding&, const Entries<float>&,
                                   std::uint64_t, Buffer&, float*);
template FrameHeader write_entries(const Run&, const EntryCoding&, const Entries<double>&,
                                   std::uint64_t, Buffer&, double*);
template void read_entries(Run&, const Frame&, const EntryCoding&, std::uint64_t, std::uint64_t,
                           Entries<float>&);
template void read_entries(Run&, const Frame&, const EntryCoding&, std::uint64_t, std::uint64_t,
                           Entries<double>&);

}  // namespace skimp
