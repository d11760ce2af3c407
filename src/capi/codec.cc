/// Codecs, residuals and stand-alone frames in the C ABI.
#include <algorithm>
#include <cstring>

#include "base/float_environment.h"
#include "base/stream.h"
#include "capi/guard.h"
#include "capi/objects.h"
#include "codecs/frame.h"
#include "codecs/registry.h"

using skimp::Bytes;
using skimp::DType;
using skimp::require;
using skimp::capi::checked_count;
using skimp::capi::checked_dtype;
using skimp::capi::guard;
using skimp::capi::require_pointer;

skimp_status skimp_codec_create(const char* text, skimp_codec** codec) {
  return guard([&] {
    require_pointer(codec, "codec");
    require_pointer(text, "text");
    const skimp::CodecPtr made = skimp::codec_from_text(text);
    *codec = new skimp_codec{made, made->text()};
  });
}

void skimp_codec_destroy(skimp_codec* codec) { delete codec; }

const char* skimp_codec_text(const skimp_codec* codec) { return codec->text.c_str(); }

const char* skimp_codec_names(void) { return skimp::codec_names().c_str(); }

skimp_status skimp_residual_create(uint64_t count, skimp_dtype dtype, int in_place,
                                   skimp_residual** residual) {
  return guard([&] {
    require_pointer(residual, "residual");
    *residual = new skimp_residual{{checked_count(count), checked_dtype(dtype), in_place != 0}};
  });
}

skimp_status skimp_residual_create_on_device(uint64_t count, skimp_dtype dtype, int in_place,
                                             int device, skimp_residual** residual) {
  return guard([&] {
    require_pointer(residual, "residual");
    require(device >= 0, "device = ", device, " is negative");
    *residual =
        new skimp_residual{{checked_count(count), checked_dtype(dtype), in_place != 0, device}};
  });
}

void skimp_residual_destroy(skimp_residual* residual) { delete residual; }

uint64_t skimp_residual_step(const skimp_residual* residual) { return residual->residual.step(); }

void* skimp_residual_data(skimp_residual* residual) { return residual->residual.values(); }

skimp_status skimp_residual_load(skimp_residual* residual, const void* values, uint64_t count,
                                 uint64_t step) {
  return guard([&] {
    require_pointer(residual, "residual");
    if (count > 0) require_pointer(values, "values");
    residual->residual.load(values, count, step);
  });
}

uint64_t skimp_residual_memory_count(const skimp_residual* residual) {
  return residual->residual.memory_count();
}

void* skimp_residual_memory(skimp_residual* residual) { return residual->residual.memory(); }

skimp_status skimp_residual_load_memory(skimp_residual* residual, const void* values,
                                        uint64_t count) {
  return guard([&] {
    require_pointer(residual, "residual");
    if (count > 0) require_pointer(values, "values");
    residual->residual.load_memory(values, checked_count(count));
  });
}

skimp_status skimp_residual_save(const skimp_residual* residual, void* values, uint64_t count) {
  return guard([&] {
    require_pointer(residual, "residual");
    if (count > 0) require_pointer(values, "values");
    residual->residual.save(values, count);
  });
}

skimp_status skimp_residual_save_memory(const skimp_residual* residual, void* values,
                                        uint64_t count) {
  return guard([&] {
    require_pointer(residual, "residual");
    if (count > 0) require_pointer(values, "values");
    residual->residual.save_memory(values, count);
  });
}

skimp_status skimp_residual_copy(const skimp_residual* residual, int device,
                                 skimp_residual** copy) {
  return guard([&] {
    require_pointer(residual, "residual");
    require_pointer(copy, "copy");
    require(device >= SKIMP_HOST, "device = ", device,
            " is neither SKIMP_HOST nor a device's index");
    *copy = new skimp_residual{
        residual->residual.copied_to(device),
        residual->variant == nullptr ? nullptr : residual->variant->copied_to(device)};
  });
}

int skimp_residual_device(const skimp_residual* residual) { return residual->residual.device(); }

skimp_status skimp_residual_rescale(skimp_residual* residual, double factor) {
  return guard([&] {
    require_pointer(residual, "residual");
    residual->residual.rescale(factor);
    if (residual->variant) residual->variant->rescale(factor);
  });
}

skimp_status skimp_frame_bytes(const skimp_codec* codec, uint64_t count, skimp_dtype dtype,
                               uint64_t* bytes) {
  return guard([&] {
    require_pointer(codec, "codec");
    require_pointer(bytes, "bytes");
    *bytes = skimp::header_bytes +
             codec->codec->payload_bytes(checked_count(count), checked_dtype(dtype));
  });
}

skimp_status skimp_encode(const skimp_codec* codec, const void* input, uint64_t count,
                          skimp_dtype dtype, skimp_residual* residual, void* frame,
                          uint64_t capacity, uint64_t* bytes) {
  return guard([&] {
    require_pointer(codec, "codec");
    if (count > 0) require_pointer(input, "input");
    require_pointer(frame, "frame");
    require_pointer(bytes, "bytes");
    *bytes = skimp::encode_with_feedback(*codec->codec, input, checked_count(count),
                                         checked_dtype(dtype),
                                         skimp::capi::classic_residual("encode", residual),
                                         {static_cast<std::byte*>(frame), capacity});
  });
}

skimp_status skimp_frame_inspect(const void* frame, uint64_t bytes, skimp_frame_info* info) {
  return guard([&] {
    require_pointer(frame, "frame");
    require_pointer(info, "info");
    require(info->info_bytes == sizeof(skimp_frame_info), "info_bytes = ", info->info_bytes,
            ", expected ", sizeof(skimp_frame_info));
    Bytes payload;
    const auto header = skimp::open_frame({static_cast<const std::byte*>(frame), bytes}, payload);
    const auto codec = skimp::codec_from_header(header.codec, header.parameter);
    info->count = header.count;
    info->frame_bytes = bytes;
    info->dtype = static_cast<skimp_dtype>(header.dtype);
    info->nonfinite = header.flags & skimp::nonfinite_flag;
    const std::string text = codec->text();
    const std::size_t length = std::min(text.size(), sizeof info->codec - 1);
    std::memcpy(info->codec, text.data(), length);
    info->codec[length] = '\0';
  });
}

skimp_status skimp_decode(const void* frame, uint64_t bytes, void* output, uint64_t count,
                          skimp_dtype dtype) {
  return guard([&] {
    require_pointer(frame, "frame");
    if (count > 0) require_pointer(output, "output");
    const DType wanted = checked_dtype(dtype);
    const skimp::FloatEnvironment float_environment;
    Bytes payload;
    const auto header = skimp::open_frame({static_cast<const std::byte*>(frame), bytes}, payload);
    const bool streamed = skimp::is_streamed(count * skimp::bytes_of(wanted));
    skimp::codec_of_frame(header, count, wanted)
        ->decode(payload, count, static_cast<DType>(header.dtype),
                 {.data = output, .dtype = wanted, .streamed = streamed});
  });
}
