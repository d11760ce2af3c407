/// \file
/// Functions for both sides: a codec's arithmetic is written once, and the kernels in cuda/ run the
/// very functions that the CPU runs.
#pragma once

#if defined(__CUDACC__)
#define SKIMP_HOST_DEVICE __host__ __device__
#else
#define SKIMP_HOST_DEVICE
#endif
