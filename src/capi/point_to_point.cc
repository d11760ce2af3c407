/// Messages between two ranks in the C ABI.
#include "capi/guard.h"
#include "capi/objects.h"
#include "capi/on_device.h"
#include "codecs/registry.h"

using skimp::Envelope;
using skimp::require;
using skimp::capi::checked_count;
using skimp::capi::checked_dtype;
using skimp::capi::guard;
using skimp::capi::require_on_device;
using skimp::capi::require_pointer;

namespace {

constexpr skimp_options default_options = SKIMP_OPTIONS_INIT;

/// A message has no reduction, nor other ranks that could agree on what to do about NaN.
const skimp_options& checked(const char* call, const skimp_options* given) {
  if (given == nullptr) return default_options;
  const skimp_options& options = skimp::capi::checked_options(*given);
  require(options.algorithm == nullptr && options.broadcast_codec == nullptr &&
              options.nonfinite == SKIMP_PROPAGATE,
          call, ": algorithm and broadcast_codec must be NULL, nonfinite SKIMP_PROPAGATE");
  return options;
}

Envelope make_envelope(std::uint64_t count, skimp_dtype dtype, int peer, int tag,
                       const skimp_options& options, const void* array, const char* name) {
  const Envelope envelope{.count = checked_count(count),
                          .dtype = checked_dtype(dtype),
                          .peer = peer,
                          .tag = tag,
                          .device = options.device,
                          .stream = options.stream};
  if (count > 0) require_pointer(array, name);
  if (count > 0 && options.device != SKIMP_HOST) require_on_device(array, options.device, name);
  return envelope;
}

}  // namespace

skimp_status skimp_send(skimp_communicator* communicator, const void* input, uint64_t count,
                        skimp_dtype dtype, int dest, int tag, const skimp_options* given) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    const skimp_options& options = checked("send", given);
    const Envelope envelope = make_envelope(count, dtype, dest, tag, options, input, "input");
    const skimp::CodecPtr codec =
        options.codec != nullptr ? options.codec->codec : skimp::codec_from_text("identity");
    skimp::send_with_feedback(communicator->messages, envelope, codec, input,
                              skimp::capi::classic_residual("send", options.residual),
                              communicator->report);
  });
}

skimp_status skimp_recv(skimp_communicator* communicator, void* output, uint64_t count,
                        skimp_dtype dtype, int source, int tag, const skimp_options* given) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    const skimp_options& options = checked("recv", given);
    require(options.codec == nullptr && options.residual == nullptr,
            "recv: the message names its codec, the residual is the sender's: both must be NULL");
    const Envelope envelope = make_envelope(count, dtype, source, tag, options, output, "output");
    communicator->messages.receive(envelope, output, communicator->report);
  });
}
