#include <string>

#include "base/isa.h"
#include "capi/guard.h"
#include "skimp/skimp.h"

namespace skimp::capi {
namespace {

thread_local std::string last_error;

}  // namespace

void set_last_error(std::string message) noexcept { last_error = std::move(message); }

}  // namespace skimp::capi

const char* skimp_last_error_message(void) { return skimp::capi::last_error.c_str(); }

const char* skimp_version(void) { return SKIMP_VERSION; }

const char* skimp_isa_names(void) {
  static const std::string names = skimp::isa_names();
  return names.c_str();
}

skimp_status skimp_isa(const char** name) {
  return skimp::capi::guard([&] {
    skimp::capi::require_pointer(name, "name");
    *name = skimp::name_of(skimp::current_isa());
  });
}

skimp_status skimp_use_isa(const char* name) {
  return skimp::capi::guard([&] {
    skimp::capi::require_pointer(name, "name");
    skimp::use_isa(name);
  });
}
