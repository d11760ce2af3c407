/** \file
 * Error feedback: what calls left out, carried to the next ones.
 */
#ifndef SKIMP_RESIDUALS_H
#define SKIMP_RESIDUALS_H

#include "skimp/types.h"

SKIMP_BEGIN

/** Error-feedback state of one array: what earlier calls left out, `count` elements of float32
 *  (float64 when dtype is SKIMP_FLOAT64), zeros at first, double-buffered so that a call that
 *  fails leaves it untouched. `in_place` nonzero halves the memory and gives that up. */
SKIMP_API skimp_status skimp_residual_create(uint64_t count, skimp_dtype dtype, int in_place,
                                             skimp_residual** residual);
SKIMP_API void skimp_residual_destroy(skimp_residual* residual);

/** Calls that have succeeded with this residual: its training step. */
SKIMP_API uint64_t skimp_residual_step(const skimp_residual* residual);

/** The values, of the residual's own element type (see above). Valid until the next call that uses
 *  the residual; may be read and written between calls. On a device: an address there. */
SKIMP_API void* skimp_residual_data(skimp_residual* residual);

/** Copies `count` values in and sets the step; ranks check their steps against each other in the
 *  next call. */
SKIMP_API skimp_status skimp_residual_load(skimp_residual* residual, const void* values,
                                           uint64_t count, uint64_t step);

/** What a codec carries from one call to the next beside the residual: the last factor Q of
 *  "lowrank(...)" with warm start, `memory_count` values of the residual's own element type. None
 *  before the first call, and none of other codecs. To be saved together with the residual, and
 *  loaded after it; a size that is not the codec's is ignored by the next call. The pointer is
 *  valid until then; of a residual on a device it is an address there. */
SKIMP_API uint64_t skimp_residual_memory_count(const skimp_residual* residual);
SKIMP_API void* skimp_residual_memory(skimp_residual* residual);
SKIMP_API skimp_status skimp_residual_load_memory(skimp_residual* residual, const void* values,
                                                  uint64_t count);

/** Multiplies every value, e.g. when a loss scale changes. The factor must be finite. */
SKIMP_API skimp_status skimp_residual_rescale(skimp_residual* residual, double factor);

/** \name Variants of error feedback
 *  Residuals with more arrays beside the values, for skimp_allreduce to a mean or sum alone: pass
 * one as the residual of the options. They compute and send in float32 (float64 for SKIMP_FLOAT64).
 *  docs/feedback.md says what each is for. */
/** @{ */

/** EF21 (Richtarik et al. 2021): sends the difference between the gradient and "estimate", which
 *  grows by what was delivered of it; the output is "mean", that of all ranks' estimates. Where it
 *  is not finite both arrays stay. The values themselves are zeros between calls. */
SKIMP_API skimp_status skimp_residual_create_ef21(uint64_t count, skimp_dtype dtype,
                                                  skimp_residual** residual);

/** Momentum correction (Lin et al. 2018): sends velocities, u = momentum * u + gradient, kept as
 *  "momentum", in place of the optimiser's. `momentum` is from 0 to below 1. `clip`: each rank's
 *  gradient is first scaled down to a 2-norm of clip / sqrt(world_size); 0 does not. `masking`
 *  nonzero stops the velocity of an element when more than half of its value was delivered: for
 *  codecs that leave most elements out. */
SKIMP_API skimp_status skimp_residual_create_momentum(uint64_t count, skimp_dtype dtype,
                                                      double momentum, double clip, int masking,
                                                      skimp_residual** residual);

/** The array of that name, `count` values of the residual's own element type; NULL if it has none.
 *  May be read and written between calls, and is to be saved and loaded with the values. Of a
 *  residual on a device (skimp_residual_copy makes one) it is an address there. */
SKIMP_API void* skimp_residual_array(skimp_residual* residual, const char* name);

/** Copies that array to `values`, `count` of them in host memory, wherever it lies. */
SKIMP_API skimp_status skimp_residual_save_array(const skimp_residual* residual, const char* name,
                                                 void* values, uint64_t count);
/** @} */

SKIMP_END

#endif /* SKIMP_RESIDUALS_H */
