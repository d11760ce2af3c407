#include "base/isa.h"

#include <atomic>
#include <cstdlib>

#include "base/error.h"

namespace skimp {
namespace {

constexpr Isa all[] = {Isa::scalar, Isa::avx2, Isa::avx512};

bool is_supported(Isa isa) {
  switch (isa) {
    case Isa::scalar: return true;
#if SKIMP_X86
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("f16c") && __builtin_cpu_supports("bmi") &&
             __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("lzcnt") &&
             __builtin_cpu_supports("popcnt");
    case Isa::avx512:
      return is_supported(Isa::avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
    default: return false;
  }
}

Isa find(std::string_view name, const char* asked_by) {
  for (const Isa isa : all) {
    if (name == name_of(isa) && is_supported(isa)) return isa;
  }
  fail(SKIMP_INVALID_ARGUMENT, asked_by, ": instruction set '", name, "' is none of ", isa_names(),
       ", which this processor has");
}

Isa choose() {
  if (const char* forced = std::getenv("SKIMP_FORCE_ISA"); forced != nullptr && *forced != '\0') {
    return find(forced, "SKIMP_FORCE_ISA");
  }
  Isa widest = Isa::scalar;
  for (const Isa isa : all) {
    if (is_supported(isa)) widest = isa;
  }
  return widest;
}

std::atomic<Isa>& current() {
  static std::atomic<Isa> isa{choose()};
  return isa;
}

}  // namespace

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  return "unknown";
}

Isa current_isa() { return current().load(std::memory_order_relaxed); }

void use_isa(std::string_view name) { current() = find(name, "use_isa"); }

std::string isa_names() {
  std::string names;
  for (const Isa isa : all) {
    if (is_supported(isa)) names += (names.empty() ? "" : ", ") + std::string(name_of(isa));
  }
  return names;
}

}  // namespace skimp
