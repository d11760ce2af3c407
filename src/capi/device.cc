/// Arrays on a device in the C ABI.
#include <string>

#include "capi/guard.h"
#include "capi/objects.h"
#include "capi/on_device.h"
#include "codecs/parts.h"
#include "feedback/on_device.h"

using skimp::DeviceStream;
using skimp::capi::checked_count;
using skimp::capi::checked_dtype;
using skimp::capi::guard;
using skimp::capi::require_on_device;
using skimp::capi::require_pointer;

namespace {

/// The device is asked of the address, which is thereby known to be one on a device.
DeviceStream stream_of(const void* array, std::uint64_t count, void* stream) {
  DeviceStream found{0, stream};
  if (count > 0) SKIMP_ON_DEVICE(skimp_cuda_device_of, array, &found.device);
  return found;
}

/// Elements of all parts. A kernel must not be given the address of another place.
std::uint64_t checked_parts(int device, const skimp_part* parts, std::uint64_t part_count,
                            const void* buffer) {
  std::uint64_t count = 0;
  if (part_count > 0) require_pointer(parts, "parts");
  for (std::uint64_t i = 0; i < part_count; ++i) {
    checked_dtype(parts[i].dtype);
    count = checked_count(count + checked_count(parts[i].count));
    if (parts[i].count > 0) require_on_device(parts[i].array, device, "part");
  }
  if (count > 0) require_on_device(buffer, device, "buffer");
  return count;
}

static_assert(SKIMP_WORD_NONFINITE == skimp::nonfinite_status);
static_assert(SKIMP_WORD_HIT == skimp::hit_status && SKIMP_WORD_MISSED == skimp::missed_status);
static_assert(SKIMP_WORD_CORRUPT ==
              (skimp::scale_status | skimp::code_status | skimp::exponent_status |
               skimp::index_status | skimp::shape_status));

void require_aligned(const void* memory, std::uintptr_t alignment, const char* name) {
  skimp::require(reinterpret_cast<std::uintptr_t>(memory) % alignment == 0, name, " is at ", memory,
                 ", must be aligned to ", alignment);
}

/// The caller's room, found to be on the device and large enough.
skimp::DeviceRoom checked_room(const char* call, const skimp_device_room* room,
                               std::uint64_t payload_bytes, std::uint64_t workspace_bytes,
                               int device) {
  require_pointer(room, "room");
  skimp::require(room->payload_bytes >= payload_bytes, call, ": the payload needs ", payload_bytes,
                 " bytes, the room has ", room->payload_bytes);
  skimp::require(room->workspace_bytes >= workspace_bytes, call, ": the workspace needs ",
                 workspace_bytes, " bytes, the room has ", room->workspace_bytes);
  if (payload_bytes > 0) require_on_device(room->payload, device, "payload");
  if (workspace_bytes > 0) require_on_device(room->workspace, device, "workspace");
  require_on_device(room->word, device, "word");
  require_aligned(room->payload, 16, "payload");
  require_aligned(room->workspace, 64, "workspace");
  require_aligned(room->word, alignof(skimp::DeviceStatus), "word");
  return {.payload = static_cast<std::byte*>(room->payload),
          .workspace = static_cast<std::byte*>(room->workspace),
          .status = room->word};
}

/// Of an array that must be on a device, as there must be one to queue work for.
DeviceStream stream_with_elements(const void* array, std::uint64_t count, const char* name,
                                  void* stream) {
  skimp::require(count > 0, "count = 0: ", name, " without elements is on no device");
  require_pointer(array, name);
  return stream_of(array, count, stream);
}

}  // namespace

skimp_status skimp_device_info(const char** text) {
  return guard([&] {
    require_pointer(text, "text");
    thread_local std::string description;
    description = skimp::describe_device();
    *text = description.c_str();
  });
}

skimp_status skimp_device_of(const void* address, int* device) {
  return guard([&] {
    require_pointer(address, "address");
    require_pointer(device, "device");
    SKIMP_ON_DEVICE(skimp_cuda_device_of, address, device);
  });
}

skimp_status skimp_device_pack(int device, const skimp_part* parts, uint64_t part_count,
                               void* buffer, skimp_dtype dtype, void* stream) {
  return guard([&] {
    const skimp::DType its = checked_dtype(dtype);
    if (checked_parts(device, parts, part_count, buffer) == 0) return;
    SKIMP_ON_DEVICE(skimp_cuda_pack, {device, stream}, parts, part_count, buffer, its);
  });
}

skimp_status skimp_device_unpack(int device, const void* buffer, skimp_dtype dtype,
                                 const skimp_part* parts, uint64_t part_count, void* stream) {
  return guard([&] {
    const skimp::DType its = checked_dtype(dtype);
    if (checked_parts(device, parts, part_count, buffer) == 0) return;
    SKIMP_ON_DEVICE(skimp_cuda_unpack, {device, stream}, buffer, its, parts, part_count);
    SKIMP_ON_DEVICE(skimp_cuda_wait, {device, stream});
  });
}

skimp_status skimp_encode_on_device(const skimp_codec* codec, const void* input, uint64_t count,
                                    skimp_dtype dtype, skimp_residual* residual, void* frame,
                                    uint64_t capacity, uint64_t* bytes, void* stream) {
  return guard([&] {
    require_pointer(codec, "codec");
    if (count > 0) require_pointer(input, "input");
    require_pointer(frame, "frame");
    require_pointer(bytes, "bytes");
    *bytes = skimp::encode_on_device(
        *codec->codec, input, checked_count(count), checked_dtype(dtype),
        skimp::capi::classic_residual("encode", residual),
        {static_cast<std::byte*>(frame), capacity}, stream_of(input, count, stream));
  });
}

skimp_status skimp_decode_on_device(const void* frame, uint64_t bytes, void* output, uint64_t count,
                                    skimp_dtype dtype, void* stream) {
  return guard([&] {
    require_pointer(frame, "frame");
    if (count > 0) require_pointer(output, "output");
    skimp::decode_on_device({static_cast<const std::byte*>(frame), bytes}, output,
                            checked_count(count), checked_dtype(dtype),
                            stream_of(output, count, stream));
  });
}

skimp_status skimp_device_room_bytes(const skimp_codec* codec, uint64_t count, skimp_dtype dtype,
                                     uint64_t* payload_bytes, uint64_t* encode_workspace_bytes,
                                     uint64_t* decode_workspace_bytes) {
  return guard([&] {
    require_pointer(codec, "codec");
    require_pointer(payload_bytes, "payload_bytes");
    require_pointer(encode_workspace_bytes, "encode_workspace_bytes");
    require_pointer(decode_workspace_bytes, "decode_workspace_bytes");
    codec->codec->require_kernels();
    const skimp::DType its = checked_dtype(dtype);
    const std::uint64_t payload = codec->codec->payload_bytes(checked_count(count), its);
    const auto workspace = codec->codec->device_workspace_bytes(count, its);
    *payload_bytes = payload;
    *encode_workspace_bytes = workspace.encode;
    *decode_workspace_bytes = workspace.decode;
  });
}

skimp_status skimp_queue_encode(const skimp_codec* codec, const void* input, uint64_t count,
                                skimp_dtype dtype, skimp_residual* residual,
                                const skimp_device_room* room, void* stream) {
  return guard([&] {
    require_pointer(codec, "codec");
    const skimp::Codec& its = *codec->codec;
    its.require_kernels();
    const skimp::DType type = checked_dtype(dtype);
    const DeviceStream queue = stream_with_elements(input, checked_count(count), "input", stream);
    skimp::queue_encode(its, input, count, type,
                        skimp::capi::classic_residual("queue_encode", residual),
                        checked_room("queue_encode", room, its.payload_bytes(count, type),
                                     its.device_workspace_bytes(count, type).encode, queue.device),
                        queue);
  });
}

skimp_status skimp_queue_decode(const skimp_codec* codec, const skimp_device_room* room,
                                void* output, uint64_t count, skimp_dtype dtype, int add,
                                void* stream) {
  return guard([&] {
    require_pointer(codec, "codec");
    const skimp::Codec& its = *codec->codec;
    its.require_kernels();
    const skimp::DType type = checked_dtype(dtype);
    const DeviceStream queue = stream_with_elements(output, checked_count(count), "output", stream);
    const skimp::Output to{
        .data = output, .dtype = add != 0 ? skimp::accumulator_of(type) : type, .add = add != 0};
    skimp::queue_decode(its, count, type, to,
                        checked_room("queue_decode", room, its.payload_bytes(count, type),
                                     its.device_workspace_bytes(count, type).decode, queue.device),
                        queue);
  });
}
