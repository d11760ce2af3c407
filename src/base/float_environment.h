/// \file
/// Sets the floating-point environment that the wire format assumes, and puts the caller's back.
#pragma once

#include <cfenv>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace skimp {

/// Round to nearest, denormals kept (trainers like to switch flush-to-zero on, which would make
/// one rank's bytes differ from another's), no traps; restored on destruction.
class FloatEnvironment {
 public:
  FloatEnvironment() {
    std::feholdexcept(&saved_);
    std::fesetround(FE_TONEAREST);
#if defined(__SSE__)
    constexpr unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
    _mm_setcsr(_mm_getcsr() & ~(flush_to_zero | denormals_are_zero));
#endif
  }
  ~FloatEnvironment() { std::fesetenv(&saved_); }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
  std::fenv_t saved_;
};

}  // namespace skimp
