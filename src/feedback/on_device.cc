#include "feedback/on_device.h"

#include "codecs/frame.h"
#include "codecs/registry.h"
#include "device/library.h"
#include "device/memory.h"

namespace skimp {
namespace {

/// What one call needs on the device: a workspace, a payload, and behind it the word that its
/// kernels report in.
class DeviceCall {
 public:
  DeviceCall(const DeviceStream& stream, std::uint64_t workspace_bytes, std::uint64_t payload_bytes)
      : stream_(stream),
        payload_at_(divide_up(workspace_bytes, 64) * 64),
        status_at_(payload_at_ + divide_up(payload_bytes, 16) * 16),
        memory_(stream, status_at_ + sizeof(DeviceStatus)) {}

  /// What is queued must not outlive the host memory that it copies to and from.
  ~DeviceCall() {
    if (!finished_) device_function_of<decltype(&skimp_cuda_wait)>("skimp_cuda_wait")(stream_);
  }
  DeviceCall(const DeviceCall&) = delete;
  DeviceCall& operator=(const DeviceCall&) = delete;

  DeviceRoom room() const {
    return {.payload = memory_.data() + payload_at_,
            .workspace = memory_.data(),
            .status = reinterpret_cast<DeviceStatus*>(memory_.data() + status_at_)};
  }

  void copy(void* to, const void* from, std::uint64_t bytes) const {
    if (bytes > 0) SKIMP_ON_DEVICE(skimp_cuda_copy, stream_, to, from, bytes);
  }

  /// Waits for the stream; what its kernels have reported.
  DeviceStatus finish() {
    copy(&reported_, room().status, sizeof reported_);
    SKIMP_ON_DEVICE(skimp_cuda_wait, stream_);
    finished_ = true;
    return reported_;
  }

 private:
  DeviceStream stream_;
  std::uint64_t payload_at_;
  std::uint64_t status_at_;
  DeviceMemory memory_;
  DeviceStatus reported_ = 0;
  bool finished_ = false;
};

/// All of an encode but for the residual's taking over what was written.
void queue_job(const Codec& codec, const void* input, std::uint64_t count, DType dtype,
               Residual* residual, const DeviceRoom& room, const DeviceStream& stream) {
  EncodeJob job;
  job.input = input;
  job.dtype = dtype;
  job.count = count;
  job.payload = room.payload;
  job.workspace = room.workspace;
  if (residual != nullptr) {
    const ResidualView view =
        residual->view(count, dtype, codec.memory_count(count), stream.device);
    job.residual_in = view.in;
    job.residual_out = view.out;
    job.memory_in = view.memory_in;
    job.memory_out = view.memory_out;
    job.random.call = static_cast<std::uint32_t>(view.step);
  }
  SKIMP_ON_DEVICE(skimp_cuda_clear, stream, room.status, sizeof(DeviceStatus));
  codec.encode_on(stream, job, room.status);
}

}  // namespace

void queue_encode(const Codec& codec, const void* input, std::uint64_t count, DType dtype,
                  Residual* residual, const DeviceRoom& room, const DeviceStream& stream) {
  queue_job(codec, input, count, dtype, residual, room, stream);
  if (residual != nullptr) residual->commit();
}

void queue_decode(const Codec& codec, std::uint64_t count, DType dtype, const Output& output,
                  const DeviceRoom& room, const DeviceStream& stream) {
  const DecodeJob job{.payload = room.payload,
                      .count = count,
                      .dtype = dtype,
                      .output = output,
                      .workspace = room.workspace};
  SKIMP_ON_DEVICE(skimp_cuda_clear, stream, room.status, sizeof(DeviceStatus));
  codec.decode_on(stream, job, room.status);
}

std::uint64_t encode_on_device(const Codec& codec, const void* input, std::uint64_t count,
                               DType dtype, Residual* residual, MutableBytes frame,
                               const DeviceStream& stream) {
  Encoded encoded{.bytes = codec.payload_bytes(count, dtype)};
  const std::uint64_t needed = header_bytes + encoded.bytes;
  require(frame.size() >= needed, "encode: the frame needs ", needed, " bytes, capacity is ",
          frame.size());
  DeviceCall call(stream, codec.device_workspace_bytes(count, dtype).encode, encoded.bytes);
  queue_job(codec, input, count, dtype, residual, call.room(), stream);
  const MutableBytes payload = frame.subspan(header_bytes, encoded.bytes);
  call.copy(payload.data(), call.room().payload, payload.size());
  encoded.nonfinite = (call.finish() & nonfinite_status) != 0;
  FrameHeader header = describe(codec, dtype, count, encoded);
  seal(header, payload);
  store(frame.data(), header);
  if (residual != nullptr) residual->commit();
  return needed;
}

void decode_on_device(Bytes frame, void* output, std::uint64_t count, DType dtype,
                      const DeviceStream& stream) {
  Bytes payload;
  const FrameHeader header = open_frame(frame, payload);
  const CodecPtr codec = codec_of_payload(*codec_of_frame(header, count, dtype), header, payload);
  const auto encoded = static_cast<DType>(header.dtype);
  DeviceCall call(stream, codec->device_workspace_bytes(count, encoded).decode, payload.size());
  call.copy(call.room().payload, payload.data(), payload.size());
  queue_decode(*codec, count, encoded, {.data = output, .dtype = dtype}, call.room(), stream);
  require_intact_status(codec->text(), call.finish());
}

}  // namespace skimp
