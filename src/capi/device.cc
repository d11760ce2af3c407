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
