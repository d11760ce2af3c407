#include <string>

#include "capi/guard.h"

namespace skimp::capi {
namespace {

thread_local std::string last_error;

}  // namespace

void set_last_error(std::string message) noexcept { last_error = std::move(message); }

}  // namespace skimp::capi

const char* skimp_last_error_message(void) { return skimp::capi::last_error.c_str(); }

const char* skimp_version(void) { return SKIMP_VERSION; }
