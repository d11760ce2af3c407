/// \file
/// Codecs, residuals and frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <string>
#include <vector>

#include "skimp/base.hpp"

namespace skimp::api {

/// Error-feedback state of one array; see skimp_residual_create.
class Residual : public Handle<skimp_residual, skimp_residual_destroy> {
 public:
  explicit Residual(std::uint64_t count, skimp_dtype dtype = SKIMP_FLOAT32, bool in_place = false)
      : Handle(create(count, dtype, in_place)) {}

  /// In the memory of a device; see skimp_residual_create_on_device.
  static Residual on_device(int device, std::uint64_t count, skimp_dtype dtype = SKIMP_FLOAT32,
                            bool in_place = false) {
    skimp_residual* residual = nullptr;
    check(skimp_residual_create_on_device(count, dtype, in_place, device, &residual));
    return Residual(residual);
  }

  /// For allreduce alone; see skimp_residual_create_ef21.
  static Residual ef21(std::uint64_t count, skimp_dtype dtype = SKIMP_FLOAT32) {
    skimp_residual* residual = nullptr;
    check(skimp_residual_create_ef21(count, dtype, &residual));
    return Residual(residual);
  }

  /// For allreduce alone; see skimp_residual_create_momentum.
  static Residual momentum(double momentum, std::uint64_t count, skimp_dtype dtype = SKIMP_FLOAT32,
                           double clip = 0, bool masking = true) {
    skimp_residual* residual = nullptr;
    check(skimp_residual_create_momentum(count, dtype, momentum, clip, masking, &residual));
    return Residual(residual);
  }

  std::uint64_t step() const { return skimp_residual_step(handle()); }
  int device() const { return skimp_residual_device(handle()); }
  void* data() { return skimp_residual_data(handle()); }
  void save(void* values, std::uint64_t count) const {
    check(skimp_residual_save(handle(), values, count));
  }
  void load(const void* values, std::uint64_t count, std::uint64_t step) {
    check(skimp_residual_load(handle(), values, count, step));
  }

  /// The codec's memory; see skimp_residual_memory.
  std::uint64_t memory_count() const { return skimp_residual_memory_count(handle()); }
  void* memory() { return skimp_residual_memory(handle()); }
  void load_memory(const void* values, std::uint64_t count) {
    check(skimp_residual_load_memory(handle(), values, count));
  }

  void save_memory(void* values, std::uint64_t count) const {
    check(skimp_residual_save_memory(handle(), values, count));
  }

  /// See skimp_residual_copy.
  Residual copied_to(int device) const {
    skimp_residual* copy = nullptr;
    check(skimp_residual_copy(handle(), device, &copy));
    return Residual(copy);
  }

  void rescale(double factor) { check(skimp_residual_rescale(handle(), factor)); }

  /// What a variant keeps; see skimp_residual_array.
  void* array(const char* name) { return skimp_residual_array(handle(), name); }
  void save_array(const char* name, void* values, std::uint64_t count) const {
    check(skimp_residual_save_array(handle(), name, values, count));
  }

 private:
  explicit Residual(skimp_residual* residual) : Handle(residual) {}

  static skimp_residual* create(std::uint64_t count, skimp_dtype dtype, bool in_place) {
    skimp_residual* residual = nullptr;
    check(skimp_residual_create(count, dtype, in_place, &residual));
    return residual;
  }
};

/// A codec from its text, "topk(density=0.01)". Immutable, so threads may share it.
class Codec : public Handle<skimp_codec, skimp_codec_destroy> {
 public:
  explicit Codec(const std::string& text) : Handle(create(text)) {}

  std::string text() const { return skimp_codec_text(handle()); }

  std::vector<std::byte> encode(const void* input, std::uint64_t count, skimp_dtype dtype,
                                Residual* residual = nullptr) const {
    std::uint64_t bytes = 0;
    check(skimp_frame_bytes(handle(), count, dtype, &bytes));
    std::vector<std::byte> frame(bytes);
    check(skimp_encode(handle(), input, count, dtype, residual ? residual->handle() : nullptr,
                       frame.data(), frame.size(), &bytes));
    frame.resize(bytes);
    return frame;
  }
  /// Of an array on a device; see skimp_encode_on_device.
  std::vector<std::byte> encode_on_device(const void* input, std::uint64_t count, skimp_dtype dtype,
                                          void* stream, Residual* residual = nullptr) const {
    std::uint64_t bytes = 0;
    check(skimp_frame_bytes(handle(), count, dtype, &bytes));
    std::vector<std::byte> frame(bytes);
    check(skimp_encode_on_device(handle(), input, count, dtype,
                                 residual ? residual->handle() : nullptr, frame.data(),
                                 frame.size(), &bytes, stream));
    frame.resize(bytes);
    return frame;
  }
  /// What stays on a device; see skimp_device_room_bytes, skimp_queue_encode and _decode.
  struct DeviceRoomBytes {
    std::uint64_t payload = 0;
    std::uint64_t encode_workspace = 0;
    std::uint64_t decode_workspace = 0;
  };
  DeviceRoomBytes device_room_bytes(std::uint64_t count, skimp_dtype dtype) const {
    DeviceRoomBytes bytes;
    check(skimp_device_room_bytes(handle(), count, dtype, &bytes.payload, &bytes.encode_workspace,
                                  &bytes.decode_workspace));
    return bytes;
  }
  void queue_encode(const void* input, std::uint64_t count, skimp_dtype dtype,
                    const skimp_device_room& room, void* stream,
                    Residual* residual = nullptr) const {
    check(skimp_queue_encode(handle(), input, count, dtype, residual ? residual->handle() : nullptr,
                             &room, stream));
  }
  void queue_decode(const skimp_device_room& room, void* output, std::uint64_t count,
                    skimp_dtype dtype, bool add, void* stream) const {
    check(skimp_queue_decode(handle(), &room, output, count, dtype, add, stream));
  }
  template <Values Input>
  std::vector<std::byte> encode(const Input& input, Residual* residual = nullptr) const {
    return encode(std::ranges::data(input), std::ranges::size(input), dtype_of<element_of<Input>>,
                  residual);
  }

 private:
  static skimp_codec* create(const std::string& text) {
    skimp_codec* codec = nullptr;
    check(skimp_codec_create(text.c_str(), &codec));
    return codec;
  }
};

inline skimp_frame_info inspect(std::span<const std::byte> frame) {
  skimp_frame_info info{};
  info.info_bytes = sizeof info;
  check(skimp_frame_inspect(frame.data(), frame.size(), &info));
  return info;
}

/// Decodes a frame into `output`, which has as many elements as the frame.
template <WritableValues Output>
void decode(std::span<const std::byte> frame, Output&& output) {
  check(skimp_decode(frame.data(), frame.size(), std::ranges::data(output),
                     std::ranges::size(output), dtype_of<element_of<Output>>));
}

/// Decodes a frame into an array on a device; see skimp_decode_on_device.
inline void decode_on_device(std::span<const std::byte> frame, void* output, std::uint64_t count,
                             skimp_dtype dtype, void* stream) {
  check(skimp_decode_on_device(frame.data(), frame.size(), output, count, dtype, stream));
}

}  // namespace skimp::api
