/// \file
/// Robust reductions in the device library: those of robust.h, of rows in a device's memory, to the
/// same bits.
#pragma once

#include "base/dtype.h"
#include "device/functions.h"

/// Row r of every rank r, each of `count` values, `stride` values from the one before. The result
/// is the first row; the others may be spent.
struct SkimpRankRows {
  void* values = nullptr;
  skimp::DType dtype = skimp::DType::float32;  ///< float32 or float64
  std::uint64_t stride = 0;
  std::uint64_t count = 0;
  int ranks = 1;
};

/// The mean of what is left without the `trim` smallest and `trim` largest values of each element,
/// added up in ascending order.
SKIMP_DEVICE_API skimp_status skimp_cuda_trimmed_mean(skimp::DeviceStream stream,
                                                      const SkimpRankRows& rows, int trim);

/// The sign that more ranks have than have the other.
SKIMP_DEVICE_API skimp_status skimp_cuda_vote(skimp::DeviceStream stream,
                                              const SkimpRankRows& rows);
