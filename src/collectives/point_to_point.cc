#include "collectives/point_to_point.h"

#include <cstring>
#include <optional>
#include <utility>

#include "base/float_environment.h"
#include "codecs/registry.h"
#include "collectives/device_queue.h"
#include "collectives/place.h"
#include "collectives/slices.h"
#include "collectives/stopwatch.h"

namespace skimp {
namespace {

void require_other_rank(const char* call, const Communicator& communicator,
                        const Envelope& envelope) {
  const int ranks = communicator.world_size();
  require(envelope.peer >= 0 && envelope.peer < ranks, call, ": there is no rank ", envelope.peer,
          " among ranks 0 to ", ranks - 1);
  require(envelope.peer != communicator.rank(), call, ": rank ", envelope.peer,
          " is this rank itself; pass another, or use the array as it is");
  require(envelope.tag >= 0, call, ": tag = ", envelope.tag, " is negative");
}

std::string words_of(const Envelope& envelope) {
  return text("count=", envelope.count, " dtype=", name_of(envelope.dtype), " tag=", envelope.tag);
}

void begin_report(skimp_report& report, const Envelope& envelope) {
  report = {};
  report.report_bytes = sizeof report;
  std::strncpy(report.algorithm, "direct", sizeof report.algorithm - 1);
  report.count = envelope.count;
  report.input_bytes = envelope.count * bytes_of(envelope.dtype);
  report.rounds = 1;
}

void count_traffic(skimp_report& report, const Traffic& traffic) {
  report.bytes_sent = traffic.bytes_sent;
  report.bytes_received = traffic.bytes_received;
  report.messages_sent = traffic.messages_sent;
  report.wait_seconds = traffic.wait_seconds;
}

/// The values in which both ends differ, those of the sender first.
void require_same(int rank, const Envelope& wanted, const FrameHeader& header) {
  const auto dtype = static_cast<DType>(header.dtype);
  std::string sent, received;
  const auto compare = [&](const char* field, const auto& theirs, const auto& ours) {
    if (theirs == ours) return;
    const char* separator = sent.empty() ? "" : ", ";
    sent += text(separator, field, theirs);
    received += text(separator, field, ours);
  };
  compare("count = ", header.count, wanted.count);
  compare("dtype = ", std::string(name_of(dtype)), std::string(name_of(wanted.dtype)));
  if (sent.empty()) return;
  fail(SKIMP_MISMATCH, "rank ", wanted.peer, " sends ", sent, ", rank ", rank, " receives ",
       received, " (tag ", wanted.tag, ")");
}

void count_work(skimp_report& report, const Run& run) {
  report.nonfinite = run.nonfinite ? 1 : 0;
  report.encode_seconds = run.codec_seconds;
  report.guess_hits = run.guess_hits;
  report.guess_misses = run.guess_misses;
}

Coder::Values values_of(const Envelope& envelope, const void* input, const ResidualView* residual) {
  Coder::Values values{.values = input, .dtype = envelope.dtype};
  if (residual == nullptr) return values;
  values.residual_in = residual->in;
  values.residual_out = residual->out;
  values.memory_in = residual->memory_in;
  values.memory_out = residual->memory_out;
  values.streamed = is_streamed(envelope.count * bytes_of(accumulator_of(envelope.dtype)));
  return values;
}

/// The codec that a letter names.
CodecPtr codec_of(const Mailbox::Letter& letter) try {
  const FrameHeader& header = letter.header;
  return codec_of_payload(*codec_from_header(header.codec, header.parameter), header,
                          letter.payload.span());
} catch (const Error& error) {
  fail(error.status(), "from rank ", letter.header.sender, ": ", error.what());
}

}  // namespace

/// What messages of arrays in one place work with.
struct PointToPoint::Desk {
  explicit Desk(int device) : device(device) {
    if (device != host_memory) queue.emplace(PayloadPlace{device});
  }

  /// Room for a payload that is to be sent. Messages that cannot be withdrawn keep what they had.
  std::shared_ptr<Buffer> room(std::uint64_t bytes) {
    if (payload == nullptr || payload->bytes() < bytes) {
      payload = std::make_shared<Buffer>(bytes, device);
    }
    return payload;
  }

  Run begin(Mailbox& mailbox, void* stream) {
    if (queue) queue->begin(stream);
    return {.messenger = mailbox.messenger(), .queue = queue ? &*queue : nullptr};
  }

  /// Does `work` and waits for it. What is queued does not outlive the memory that it works on.
  template <class Work>
  void finish(Run& run, const Work& work) try {
    work();
    settle(run);
  } catch (...) {
    if (queue) queue->drain();
    throw;
  }

  int device;
  std::optional<DeviceQueue> queue{};  ///< none: arrays lie in host memory
  Coder coder{};
  std::shared_ptr<Buffer> payload{};
};

PointToPoint::PointToPoint(std::shared_ptr<Communicator> communicator)
    : communicator_(std::move(communicator)) {}

PointToPoint::~PointToPoint() = default;

PointToPoint::Desk& PointToPoint::desk(int device) {
  std::unique_ptr<Desk>& its = desks_[device];
  if (!its) its = std::make_unique<Desk>(device);
  return *its;
}

void PointToPoint::send(const Envelope& envelope, const CodecPtr& codec, const void* input,
                        const ResidualView* residual, skimp_report& report) {
  require_other_rank("send", *communicator_, envelope);
  if (envelope.device != host_memory) codec->require_kernels();
  const Slice whole{codec, 0, envelope.count};
  const std::uint64_t most_bytes = whole.payload_bytes(envelope.dtype);
  Desk& here = desk(envelope.device);
  const std::shared_ptr<Buffer> payload = here.room(most_bytes);
  const FloatEnvironment float_environment;
  begin_report(report, envelope);
  report.predicted_bytes = header_bytes + most_bytes;
  report.dense_bytes = header_bytes + report.input_bytes;
  const Stopwatch stopwatch(report.seconds);
  const std::string words =
      text("send ", words_of(envelope), " dest=", envelope.peer, " codec=", codec->text());
  communicator_->mail(words, payload, [&](Mailbox& mailbox) {
    Run run = here.begin(mailbox, envelope.stream);
    run.call = static_cast<std::uint32_t>(residual != nullptr ? residual->step
                                                              : mailbox.sent_to(envelope.peer));
    FrameHeader header;
    here.finish(run, [&] {
      here.coder.encode(run, whole, values_of(envelope, input, residual),
                        lane_of(0, communicator_->rank()), payload->span(), header);
    });
    count_work(report, run);
    mailbox.send(envelope.peer, envelope.tag, header, payload->span().first(header.payload_bytes));
    count_traffic(report, mailbox.traffic());
  });
}

void PointToPoint::receive(const Envelope& envelope, void* output, skimp_report& report) {
  require_other_rank("recv", *communicator_, envelope);
  Desk& here = desk(envelope.device);
  const FloatEnvironment float_environment;
  begin_report(report, envelope);
  const Stopwatch stopwatch(report.seconds);
  const std::string words = text("recv ", words_of(envelope), " source=", envelope.peer);
  CodecPtr unreadable;
  communicator_->mail(words, nullptr, [&](Mailbox& mailbox) {
    Mailbox::Letter letter = mailbox.receive(envelope.peer, envelope.tag);
    require_same(communicator_->rank(), envelope, letter.header);
    const CodecPtr codec = codec_of(letter);
    if (envelope.device != host_memory && !codec->has_kernels()) {
      mailbox.put_back(envelope.peer, std::move(letter));
      unreadable = codec;
      return;
    }
    Run run = here.begin(mailbox, envelope.stream);
    here.finish(run, [&] {
      here.coder.decode(
          run, *codec, {letter.header, letter.payload.span()},
          {.data = output, .dtype = envelope.dtype, .streamed = is_streamed(report.input_bytes)});
    });
    count_work(report, run);
    count_traffic(report, mailbox.traffic());
  });
  if (unreadable == nullptr) return;
  fail(SKIMP_UNSUPPORTED_TYPE, "recv: rank ", envelope.peer, " sends by ", unreadable->text(),
       ", which has no kernels for arrays on a device: receive it in host memory");
}

}  // namespace skimp
