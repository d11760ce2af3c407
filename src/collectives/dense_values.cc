#include "collectives/dense_values.h"

namespace skimp {

std::string refuses_unless_identity(const Call& call, const World&) {
  if (call.codec->id() == CodecId::identity) return "";
  return "sends every value and cannot run " + call.codec->text();
}

const void* DenseValues::prepare(Run& run) {
  if (run.residual_in == nullptr) return run.input;
  const Slice whole{call_.codec, 0, call_.count};
  staged_.reserve(whole.payload_bytes(call_.dtype));
  FrameHeader header;
  coder_.encode(run, whole, values_of(run, call_), 0, staged_.span(), header);
  return staged_.data();
}

FrameHeader describe_values(const Call& call, DType dtype, std::uint64_t count, bool nonfinite) {
  return describe(*call.codec, dtype, count, {count * bytes_of(dtype), nonfinite});
}

void check_values(Run& run, const Frame& frame, DType dtype, std::uint64_t count) {
  const FrameHeader& header = frame.header;
  require_intact(header.codec == static_cast<int>(CodecId::identity) &&
                     header.dtype == static_cast<int>(dtype) && header.count == count &&
                     header.payload_bytes == count * bytes_of(dtype),
                 "from rank ", header.sender, ": a frame of ", header.count, " elements where ",
                 count, " ", name_of(dtype), " values were due");
  run.nonfinite |= (header.flags & nonfinite_flag) != 0;
}

}  // namespace skimp
