/// Arrays on a device in the C ABI.
#include <string>

#include "capi/guard.h"
#include "capi/objects.h"
#include "device/library.h"
#include "feedback/on_device.h"

using skimp::DeviceStream;
using skimp::capi::checked_count;
using skimp::capi::checked_dtype;
using skimp::capi::guard;
using skimp::capi::require_pointer;

namespace {

/// The device is asked of the address, which is thereby known to be one on a device.
DeviceStream stream_of(const void* array, std::uint64_t count, void* stream) {
  DeviceStream found{0, stream};
  if (count > 0) SKIMP_ON_DEVICE(skimp_cuda_device_of, array, &found.device);
  return found;
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
