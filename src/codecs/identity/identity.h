/// \file
/// Identity: every value, in the input's own type. The dense baseline as a codec.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "identity"
CodecPtr make_identity(Arguments& arguments);
CodecPtr identity_from_parameter(std::uint64_t parameter);

}  // namespace skimp
