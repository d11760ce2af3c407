/// \file
/// Vector instruction sets, chosen at run time.
///
/// Kernels are plain loops. `on_isa` compiles one for every instruction set and runs the copy that
/// suits the processor, so there is one source, and one result: contraction is off and every sum
/// has a written order, so all copies write the same bytes. Where a loop is not enough a kernel
/// asks which set it is compiled for and calls a function of that set (codecs/sign_bits.h).
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#if defined(__x86_64__) && defined(__GNUC__)
#define SKIMP_X86 1
/// For functions with intrinsics, which only a kernel of that set may call.
#define SKIMP_TARGET_AVX2 "avx2,fma,f16c,bmi,bmi2,lzcnt,popcnt"
#define SKIMP_TARGET_AVX512 SKIMP_TARGET_AVX2 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl"
#else
#define SKIMP_X86 0
#endif

namespace skimp {

/// `scalar` is what the compiler makes of the loops for every processor of the architecture.
enum class Isa { scalar = 0, avx2 = 1, avx512 = 2 };

template <Isa value>
using IsaConstant = std::integral_constant<Isa, value>;

const char* name_of(Isa isa);

/// The one in use: the widest that the processor has, or what the environment variable
/// SKIMP_FORCE_ISA names. Throws InvalidArgument if that is unknown or this processor lacks it.
Isa current_isa();

/// Uses another from now on, in all threads. Throws InvalidArgument as above.
void use_isa(std::string_view name);

/// "scalar, avx2": those that this processor has, narrowest first.
std::string isa_names();

namespace isa {

// `flatten` inlines the whole kernel, so that it is compiled for the function's target and not for
// that of the functions it is made of. (Clang inlines one level only: right, but slower.)
template <class Kernel>
[[gnu::flatten, gnu::noinline]] auto run_scalar(Kernel& kernel) {
  return kernel(IsaConstant<Isa::scalar>{});
}
#if SKIMP_X86
template <class Kernel>
[[gnu::flatten, gnu::noinline, gnu::target(SKIMP_TARGET_AVX2)]] auto run_avx2(Kernel& kernel) {
  return kernel(IsaConstant<Isa::avx2>{});
}
template <class Kernel>
[[gnu::flatten, gnu::noinline, gnu::target(SKIMP_TARGET_AVX512)]] auto run_avx512(Kernel& kernel) {
  return kernel(IsaConstant<Isa::avx512>{});
}
#endif

}  // namespace isa

/// Runs kernel(IsaConstant) compiled for the instruction set in use, and returns what it returns.
template <class Kernel>
auto on_isa(Kernel&& kernel) {
  switch (current_isa()) {
#if SKIMP_X86
    case Isa::avx512: return isa::run_avx512(kernel);
    case Isa::avx2: return isa::run_avx2(kernel);
#endif
    default: return isa::run_scalar(kernel);
  }
}

}  // namespace skimp
