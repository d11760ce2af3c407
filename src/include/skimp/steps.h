/** \file
 * Steps of training built on the collectives: parameters averaged now and then, means that come
 * later, models compressed while they are trained. docs/feedback.md says what each is for.
 */
#ifndef SKIMP_STEPS_H
#define SKIMP_STEPS_H

#include "skimp/types.h"

SKIMP_BEGIN

/* ---- Local SGD ------------------------------------------------------------------------------- */

/** How parameters are averaged that each rank has trained alone for some steps (Stich 2019), and
 *  the state of it; begin with SKIMP_LOCAL_SGD_INIT. The arrays have as many elements as the
 *  parameters, in float32 (float64 for SKIMP_FLOAT64), so that small changes of 16-bit parameters
 *  add up. To resume, save and load them. */
typedef struct skimp_local_sgd {
  size_t local_sgd_bytes; /**< sizeof(skimp_local_sgd) */
  double momentum;        /**< of the outer step, from 0 to below 1 (Wang et al. 2020) */
  double learning_rate;   /**< of the outer step, above 0 */
  int nesterov;           /**< nonzero: Nesterov's momentum */
  void* anchor;           /**< the parameters that all ranks had last */
  void* velocity;         /**< of the outer step */
} skimp_local_sgd;

/** Plain averaging; `anchor` and `velocity` are yours to set. */
#define SKIMP_LOCAL_SGD_INIT {sizeof(skimp_local_sgd), 0, 1, 0, NULL, NULL}

/** Begins: `output` (which may be `input`) and the anchor become rank 0's parameters, the velocity
 *  zeros. Collective. */
SKIMP_API skimp_status skimp_local_sgd_start(skimp_communicator* communicator,
                                             const skimp_local_sgd* local, const void* input,
                                             void* output, uint64_t count, skimp_dtype dtype);

/** Averages, after as many steps of all ranks as you like and at the end of training. With each
 *  rank's parameters `input`, the mean d of their changes since all ranks had the same,
 *
 *      velocity <- momentum * velocity + d
 *      anchor   <- anchor + learning_rate * velocity     (Nesterov: d + momentum * velocity)
 *
 *  and `output` (which may be `input`), from which all ranks go on, is the anchor, the same bits on
 *  every rank. Of the options count codec, broadcast_codec, residual and algorithm, those of the
 *  changes' allreduce; NULL: everything is sent. Fails with SKIMP_NONFINITE on every rank if some
 *  rank's parameters are not finite. A call that fails changes nothing. Collective. */
SKIMP_API skimp_status skimp_local_sgd_synchronise(skimp_communicator* communicator,
                                                   const skimp_local_sgd* local, const void* input,
                                                   void* output, uint64_t count, skimp_dtype dtype,
                                                   const skimp_options* options);

/* ---- Delayed means --------------------------------------------------------------------------- */

/** An allreduce whose mean is taken `steps` steps later (0: at once), carried by a thread of its
 *  own, so that a step takes the longer of computation and communication instead of their sum
 *  (Stich and Karimireddy 2020). The same `steps` on all ranks. `options` (NULL: the dense mean)
 *  are those of every call; their objects and the communicator must outlive this. The residual is
 *  used in the order of the steps. Arrays lie in host memory.
 *
 *  While steps are pending the communicator belongs to the thread: make no other call of it, nor of
 *  what was split from it. Over MPI that takes MPI_THREAD_SERIALIZED. */
SKIMP_API skimp_status skimp_delayed_create(skimp_communicator* communicator, int steps,
                                            uint64_t count, skimp_dtype dtype,
                                            const skimp_options* options, skimp_delayed** delayed);

/** Waits for the call under way, which ends at its deadline at the latest. Steps that have not
 * begun are dropped, and peers wait for them in vain: take all means first. */
SKIMP_API void skimp_delayed_destroy(skimp_delayed* delayed);

/** Hands a copy of `input` over; then, if more than `steps` are pending, takes one. */
SKIMP_API skimp_status skimp_delayed_step(skimp_delayed* delayed, const void* input, void* output,
                                          int* written);

/** Waits for the oldest step pending and writes its mean; SKIMP_INVALID_ARGUMENT if there is none.
 *  *written is 0 if it has no mean, because of SKIMP_SKIP. If its call failed, this is where that
 *  is reported, and the step is taken nevertheless. At the end of training the last `steps` means
 *  come from here. */
SKIMP_API skimp_status skimp_delayed_take(skimp_delayed* delayed, void* output, int* written);

/** Steps handed over whose means have not been taken. */
SKIMP_API uint64_t skimp_delayed_pending(const skimp_delayed* delayed);

/* ---- Dynamic pruning ------------------------------------------------------------------------- */

/** How a model is compressed while it is trained, with feedback (Lin et al. 2020), and the state of
 *  it; begin with SKIMP_PRUNING_INIT. To resume, save and load `mask` and `steps`. */
typedef struct skimp_pruning {
  size_t pruning_bytes; /**< sizeof(skimp_pruning) */
  double sparsity;      /**< share of the weights that is zero at the end: from 0 to below 1 */
  int64_t period;       /**< steps for which a mask is kept */
  int64_t warm_up;      /**< steps over which the sparsity rises from 0; 0: none */
  const skimp_codec* precision; /**< that kept weights pass through as well; NULL: none */
  uint8_t* mask;                /**< of as many bytes as there are weights; 1: kept, 0: pruned */
  uint64_t steps;               /**< taken so far */
} skimp_pruning;

/** A mask for 16 steps; `sparsity` and `mask` are yours to set. */
#define SKIMP_PRUNING_INIT {sizeof(skimp_pruning), 0, 16, 0, NULL, NULL, 0}

/** The share that a mask made at this step prunes: sparsity * (1 - r*r*r) with r, what remains of
 *  the warm-up, falling from 1 to 0 (Zhu and Gupta 2017). */
SKIMP_API skimp_status skimp_pruning_sparsity(const skimp_pruning* pruning, uint64_t step,
                                              double* sparsity);

/** Writes the compressed weights to `output`, another array: take the gradient there, but update
 * the weights, `input`, so that no error of compression is lost and a pruned weight can come back.
 * Every `period` steps the mask is made anew, of exactly the largest magnitudes, ties to the lower
 * index. With a communicator, which may be NULL, it is then rank 0's on every rank, also where
 * weights differ: what has changed in it travels by top-k, and the call is collective. A call that
 * fails changes neither mask nor steps. */
SKIMP_API skimp_status skimp_pruning_step(skimp_pruning* pruning, skimp_communicator* communicator,
                                          const void* input, void* output, uint64_t count,
                                          skimp_dtype dtype);

SKIMP_END

#endif /* SKIMP_STEPS_H */
