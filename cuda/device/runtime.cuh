/// \file
/// CUDA, or its emulation on the CPU where the compiler is not nvcc.
#pragma once

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#else
#include "cuda/emulation/cuda_runtime.h"
#endif
