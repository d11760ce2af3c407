/// \file
/// The arithmetic of a gossip step (neighbours.h) on one segment: on the host here, on a device by
/// the kernels of cuda/collectives/mix.cu.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "device/functions.h"

namespace skimp {

/// Arrays of `count` values each; but for input and output of the accumulator's type of `dtype`.
struct Move {
  /// Null: none is kept.
  template <class Void>
  struct State {
    Void* minus_copy = nullptr;  ///< mᵢ
    Void* difference = nullptr;  ///< dᵢ
    Void* lost = nullptr;        ///< eᵢ
  };

  const void* input = nullptr;  ///< xᵢ, of `dtype`
  void* output = nullptr;       ///< likewise; may be the input
  DType dtype = DType::float32;
  std::uint64_t count = 0;
  double step_size = 1;  ///< γ
  State<const void> before;
  State<void> after;  ///< may be `before`

  void* own = nullptr;     ///< qᵢ; then zero where it was not finite
  void* theirs = nullptr;  ///< qⱼ
  void* difference = nullptr;
  void* lost = nullptr;
  std::byte* broken = nullptr;  ///< 1 where some q was not finite
};

/// `own` has been decoded: reads it, and the state.
void begin_move(const Move& move);

/// `theirs` has been decoded.
void add_edge(const Move& move, double weight);

/// Writes the output, and the new state where there is one. A sum that overflowed is shown in the
/// output and is zero in the state, so that it does not live on.
void finish_move(const Move& move);

}  // namespace skimp

/// \name The same of arrays on a device
/// @{
SKIMP_DEVICE_API skimp_status skimp_cuda_mix_begin(skimp::DeviceStream stream,
                                                   const skimp::Move& move);
SKIMP_DEVICE_API skimp_status skimp_cuda_mix_edge(skimp::DeviceStream stream,
                                                  const skimp::Move& move, double weight);
SKIMP_DEVICE_API skimp_status skimp_cuda_mix_finish(skimp::DeviceStream stream,
                                                    const skimp::Move& move);
/// @}
