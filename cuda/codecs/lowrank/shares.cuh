/// \file
/// What a warp takes of a matrix at once, for K columns of P and Q: rows and columns whose sums
/// registers have room for, and how much it reads ahead. What is under way at once decides the
/// speed: reads of one warp as much as warps. At rank 4, a product of 8192 x 8192 is as much work
/// as an H100 holds warps for; fewer registers or smaller shares would leave a second round to a
/// few.
#pragma once

#include "cuda/device/launch.cuh"

namespace skimp::cuda::lowrank {

/// Bytes of a row of S, P̂ or Q.
template <class Value, unsigned K>
inline constexpr unsigned row_bytes = K * sizeof(Value);

/// P = M·S: rows of P, and columns of M a lane, that are read at once.
template <class Value, unsigned K>
inline constexpr unsigned sketch_rows = row_bytes<Value, K> <= 16   ? 8
                                        : row_bytes<Value, K> <= 64 ? 4
                                                                    : 512 / row_bytes<Value, K>;
template <class Value, unsigned K>
inline constexpr unsigned sketch_ahead = row_bytes<Value, K> <= 32 ? 2 : 1;

/// Q = Mᵀ·P̂: columns of Q a lane, and rows of M that are read at once.
template <class Value, unsigned K>
inline constexpr unsigned project_columns = row_bytes<Value, K> <= 128 ? 2 : 1;
template <class Value, unsigned K>
inline constexpr unsigned project_ahead = row_bytes<Value, K> <= 16 ? 16 : 8;

/// M − P̂·Qᵀ: columns and rows of a strip, and rows that are read at once. Strips are short, so that
/// there are more of them than a device holds warps.
template <class Value, unsigned K>
inline constexpr unsigned deliver_columns = row_bytes<Value, K> <= 32 ? 2 : 1;
inline constexpr unsigned deliver_rows = 128;
template <class Value, unsigned K>
inline constexpr unsigned deliver_ahead = row_bytes<Value, K> <= 16 ? 8 : 4;

/// Blocks that a multiprocessor is to hold at least.
template <class Value, unsigned K>
inline constexpr unsigned blocks_held = row_bytes<Value, K> <= 64 ? 2 : 1;

}  // namespace skimp::cuda::lowrank
