/// \file
/// CUDA, or its emulation on the CPU where the compiler is not nvcc.
#pragma once

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#else
#include "cuda/emulation/cuda_runtime.h"
#endif

/// nvcc unrolls what it can if told to; values that are to stay in registers need it.
#if defined(__CUDACC__)
#define SKIMP_UNROLL _Pragma("unroll")
#else
#define SKIMP_UNROLL
#endif
