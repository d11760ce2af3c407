#include "collectives/dense_values.h"

#include "base/checksum.h"
#include "collectives/device_queue.h"
#include "collectives/place.h"

namespace skimp {

std::string refuses_unless_identity(const Call& call, const World&) {
  if (call.codec->id() == CodecId::identity) return "";
  return "sends every value and cannot run " + call.codec->text();
}

const void* DenseValues::prepare(Run& run) {
  if (run.residual_in == nullptr) return run.input;
  const std::uint64_t bytes = call_.count * bytes_of(call_.dtype);
  if (staged_.bytes() < bytes) staged_ = PlacedMemory(bytes, call_.device);
  const bool in_place = run.residual_out == run.residual_in;
  transfer_checked(run, {.input = run.input,
                         .dtype = call_.dtype,
                         .residual = run.residual_in,
                         .count = call_.count,
                         .output = {.data = staged_.data(), .dtype = call_.dtype},
                         .rest = {.data = run.residual_out,
                                  .dtype = accumulator_of(call_.dtype),
                                  .streamed = is_streamed(call_) && !in_place}});
  return staged_.data();
}

void MessageView::fetch(Run& run, const void* array, std::uint64_t first,
                        std::uint64_t count) const {
  if (mirror_.bytes() == 0) return;
  run.queue->copy(element(mirror_.data(), dtype_, first), element(array, dtype_, first),
                  count * bytes_of(dtype_));
}

Bytes MessageView::bytes(const void* array, std::uint64_t first, std::uint64_t count) const {
  const void* from = mirror_.bytes() == 0 ? array : mirror_.data();
  return {static_cast<const std::byte*>(element(from, dtype_, first)), count * bytes_of(dtype_)};
}

MutableBytes MessageView::room(void* array, std::uint64_t first, std::uint64_t count) const {
  void* to = mirror_.bytes() == 0 ? array : mirror_.data();
  return {static_cast<std::byte*>(element(to, dtype_, first)), count * bytes_of(dtype_)};
}

void MessageView::put(Run& run, void* array, std::uint64_t first, std::uint64_t count) const {
  if (mirror_.bytes() == 0) return;
  run.queue->copy(element(array, dtype_, first), element(mirror_.data(), dtype_, first),
                  count * bytes_of(dtype_));
}

FrameHeader describe_values(const Call& call, DType dtype, std::uint64_t count, bool nonfinite) {
  return describe(*call.codec, dtype, count, {count * bytes_of(dtype), nonfinite});
}

FrameHeader stamp_values(Run& run, FrameHeader header, int round, Bytes payload,
                         std::optional<std::uint64_t> products) {
  if (run.queue != nullptr && run.queue->keeps_payloads()) {
    run.queue->sum(header, payload);
    settle(run);
  }
  return run.messenger.stamp(header, round, payload, products);
}

OutgoingValues::OutgoingValues(const Run& run, Bytes values, std::span<const int> readers)
    : payload(values) {
  if (run.queue != nullptr) return;
  const MutableBytes lent = run.messenger.lend(values.size(), readers);
  if (lent.empty()) return;
  products = copy_with_products(lent, values, false);
  payload = lent;
}

Messenger::Check check_to_take(const Run& run) {
  return run.queue == nullptr ? Messenger::Check::by_reader : Messenger::Check::here;
}

bool is_streamed_to(const Call& call, MutableBytes output) {
  return is_streamed(call) && is_streamable(output.data());
}

void take_values(const Run& run, const Call& call, int peer, const Frame& frame,
                 MutableBytes room) {
  if (run.queue != nullptr) return;
  const bool is_there = frame.payload.data() == room.data();
  check_payload_from(peer, frame.header,
                     is_there
                         ? sum_of_products(frame.payload)
                         : copy_with_products(room, frame.payload, is_streamed_to(call, room)));
  run.messenger.release(peer, frame);
}

void check_values(Run& run, const Frame& frame, DType dtype, std::uint64_t count) {
  const FrameHeader& header = frame.header;
  require_intact(header.codec == static_cast<int>(CodecId::identity) &&
                     header.dtype == static_cast<int>(dtype) && header.count == count &&
                     header.payload_bytes == count * bytes_of(dtype),
                 "from rank ", header.sender, ": a frame of ", header.count, " elements where ",
                 count, " ", name_of(dtype), " values were due");
  run.nonfinite |= (header.flags & nonfinite_flag) != 0;
  if ((header.flags & apart_flag) != 0) run.queue->check(header, frame.payload);
}

}  // namespace skimp
