/// \file
/// How a failure travels: a rank that fails sends its error to all others in place of its data, so
/// that everybody raises the first cause and nobody blames a rank that was only stuck behind it.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace skimp {

/// The payload of an error frame: 4 bytes of status, then the message.
std::vector<std::byte> write_error_frame(const Error& cause);

/// The error to raise here for one that `peer` sent. What concerns every rank (a mismatch, a silent
/// rank, a corrupt payload) keeps its status; a rank's private failure becomes PeerFailed.
Error read_error_frame(Bytes payload, int peer);

}  // namespace skimp
