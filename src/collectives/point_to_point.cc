#include "collectives/point_to_point.h"

#include <cstring>
#include <memory>

#include "base/float_environment.h"
#include "codecs/registry.h"
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

}  // namespace

void send(Communicator& communicator, const Envelope& envelope, const Codec& codec, EncodeJob job,
          skimp_report& report) {
  require_other_rank("send", communicator, envelope);
  const auto payload =
      std::make_shared<Buffer>(codec.payload_bytes(envelope.count, envelope.dtype));
  const FloatEnvironment float_environment;
  begin_report(report, envelope);
  report.predicted_bytes = header_bytes + payload->bytes();
  report.dense_bytes = header_bytes + report.input_bytes;
  const Stopwatch stopwatch(report.seconds);
  const std::string words =
      text("send ", words_of(envelope), " dest=", envelope.peer, " codec=", codec.text());
  communicator.mail(words, payload, [&](Mailbox& mailbox) {
    job.payload = payload->data();
    job.random.lane = lane_of(0, communicator.rank());
    if (job.residual_in == nullptr) {
      job.random.call = static_cast<std::uint32_t>(mailbox.sent_to(envelope.peer));
    }
    Encoded encoded;
    {
      const Stopwatch encoding(report.encode_seconds);
      encoded = codec.encode(job);
    }
    report.nonfinite = encoded.nonfinite ? 1 : 0;
    report.guess_hits = encoded.guess == Guess::hit ? 1 : 0;
    report.guess_misses = encoded.guess == Guess::missed ? 1 : 0;
    mailbox.send(envelope.peer, envelope.tag,
                 describe(codec, envelope.dtype, envelope.count, encoded),
                 payload->span().first(encoded.bytes));
    count_traffic(report, mailbox.traffic());
  });
}

void receive(Communicator& communicator, const Envelope& envelope, void* output,
             skimp_report& report) {
  require_other_rank("recv", communicator, envelope);
  const FloatEnvironment float_environment;
  begin_report(report, envelope);
  const Stopwatch stopwatch(report.seconds);
  const std::string words = text("recv ", words_of(envelope), " source=", envelope.peer);
  communicator.mail(words, nullptr, [&](Mailbox& mailbox) {
    const Mailbox::Letter letter = mailbox.receive(envelope.peer, envelope.tag);
    const FrameHeader& header = letter.header;
    require_same(communicator.rank(), envelope, header);
    const Stopwatch decoding(report.encode_seconds);
    try {
      codec_from_header(header.codec, header.parameter)
          ->decode(letter.payload.span(), envelope.count, envelope.dtype,
                   {.data = output,
                    .dtype = envelope.dtype,
                    .streamed = is_streamed(report.input_bytes)});
    } catch (const Error& error) {
      fail(error.status(), "from rank ", envelope.peer, ": ", error.what());
    }
    report.nonfinite = (header.flags & nonfinite_flag) != 0 ? 1 : 0;
    count_traffic(report, mailbox.traffic());
  });
}

}  // namespace skimp
