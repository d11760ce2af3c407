/// Messages between two ranks in the C ABI.
#include "capi/guard.h"
#include "capi/objects.h"
#include "codecs/registry.h"

using skimp::Envelope;
using skimp::require;
using skimp::capi::checked_count;
using skimp::capi::checked_dtype;
using skimp::capi::guard;
using skimp::capi::require_pointer;

namespace {

constexpr skimp_options default_options = SKIMP_OPTIONS_INIT;

/// A message has no reduction, nor other ranks that could agree on what to do about NaN.
const skimp_options& checked_for_send(const skimp_options* given) {
  if (given == nullptr) return default_options;
  const skimp_options& options = skimp::capi::checked_options(*given);
  require(options.algorithm == nullptr && options.broadcast_codec == nullptr &&
              options.nonfinite == SKIMP_PROPAGATE,
          "send: its options are codec and residual; algorithm and broadcast_codec must be NULL, "
          "nonfinite SKIMP_PROPAGATE");
  require(options.device == SKIMP_HOST,
          "send: takes arrays in host memory, device = ", options.device, " is not SKIMP_HOST");
  return options;
}

}  // namespace

skimp_status skimp_send(skimp_communicator* communicator, const void* input, uint64_t count,
                        skimp_dtype dtype, int dest, int tag, const skimp_options* given) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    const skimp_options& options = checked_for_send(given);
    const Envelope envelope{checked_count(count), checked_dtype(dtype), dest, tag};
    if (count > 0) require_pointer(input, "input");
    const skimp::CodecPtr codec =
        options.codec != nullptr ? options.codec->codec : skimp::codec_from_text("identity");
    skimp::send_with_feedback(*communicator->communicator, envelope, *codec, input,
                              skimp::capi::classic_residual("send", options.residual),
                              communicator->report);
  });
}

skimp_status skimp_recv(skimp_communicator* communicator, void* output, uint64_t count,
                        skimp_dtype dtype, int source, int tag) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    const Envelope envelope{checked_count(count), checked_dtype(dtype), source, tag};
    if (count > 0) require_pointer(output, "output");
    skimp::receive(*communicator->communicator, envelope, output, communicator->report);
  });
}
