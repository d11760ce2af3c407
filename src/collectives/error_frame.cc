#include "collectives/error_frame.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace skimp {
namespace {

constexpr std::size_t longest_message = 3000;
constexpr const char* reported = " [reported by rank ";

}  // namespace

std::vector<std::byte> write_error_frame(const Error& cause) {
  const std::string message = std::string(cause.what()).substr(0, longest_message);
  std::vector<std::byte> payload(4 + message.size());
  store(payload.data(), static_cast<std::uint32_t>(cause.status()));
  std::memcpy(payload.data() + 4, message.data(), message.size());
  return payload;
}

Error read_error_frame(Bytes payload, int peer) {
  require_intact(payload.size() >= 4, "error frame: ", payload.size(), " bytes, at least 4");
  const auto status = static_cast<Status>(load<std::uint32_t>(payload.data()));
  std::string message(reinterpret_cast<const char*>(payload.data()) + 4, payload.size() - 4);
  const bool first_hand = message.find(reported) == std::string::npos;
  switch (status) {
    case SKIMP_MISMATCH:
    case SKIMP_CORRUPT_PAYLOAD:
    case SKIMP_TIMEOUT:
    case SKIMP_PEER_FAILED:
      if (first_hand) message += text(reported, peer, "]");
      return Error(status, message);
    default: return Error(SKIMP_PEER_FAILED, text("rank ", peer, " failed: ", message));
  }
}

}  // namespace skimp
