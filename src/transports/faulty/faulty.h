/// \file
/// A transport that fails on demand, to test what a failing rank does to the others.
#pragma once

#include <cstdint>
#include <memory>

#include "skimp/testing.h"
#include "transports/transport.h"

namespace skimp {

/// Passes everything on to `inner`, but the `exchange`-th exchange from now (0: the next) suffers
/// `fault`; see skimp_fault. CORRUPT and TRUNCATE wait for the first exchange from then on that
/// sends anything: they change a copy of its first message, CORRUPT the lowest bit of the middle
/// byte. Requests already under way are not touched. Faults add up by wrapping again.
std::unique_ptr<Transport> make_faulty(std::unique_ptr<Transport> inner, skimp_fault fault,
                                       std::uint64_t exchange);

}  // namespace skimp
