/** \file
 * Sparse arrays: entries of an array that is zero elsewhere, such as the gradient of an embedding.
 * What the caller has selected is sent without loss.
 */
#ifndef SKIMP_SPARSE_H
#define SKIMP_SPARSE_H

#include "skimp/types.h"

SKIMP_BEGIN

/** Copies `entries` values of dtype and their indices, of int32 (index_bytes 4) or int64 (8), from
 *  0 to below count, in any order. Values of a repeated index are added from left to right. */
SKIMP_API skimp_status skimp_sparse_create(const void* indices, int index_bytes, const void* values,
                                           uint64_t entries, uint64_t count, skimp_dtype dtype,
                                           skimp_sparse** sparse);
SKIMP_API void skimp_sparse_destroy(skimp_sparse* sparse);

/** Elements of the array, and entries, none of which has the index of another. */
SKIMP_API uint64_t skimp_sparse_count(const skimp_sparse* sparse);
SKIMP_API uint64_t skimp_sparse_entries(const skimp_sparse* sparse);

/** Writes the entries, indices ascending, values of the array's dtype. */
SKIMP_API skimp_status skimp_sparse_read(const skimp_sparse* sparse, int64_t* indices,
                                         void* values);

/** Writes all `count` elements, of the array's dtype. */
SKIMP_API skimp_status skimp_sparse_to_dense(const skimp_sparse* sparse, void* output);

/** The sum or mean over all ranks, the same bits on every rank: an entry wherever the sum is not
 *  zero. Ranks have equal counts and dtypes, and as many entries as they like. Options: op, and
 *  algorithm ("sparse_doubling" or "gather"); `options` NULL: the mean. The caller destroys the
 *  result. */
SKIMP_API skimp_status skimp_allreduce_sparse(skimp_communicator* communicator,
                                              const skimp_sparse* input,
                                              const skimp_options* options, skimp_sparse** result);

/** As allreduce, but rank r keeps elements r*count/world_size ... , indices counted from there;
 *  count must divide by world_size. */
SKIMP_API skimp_status skimp_reduce_scatter_sparse(skimp_communicator* communicator,
                                                   const skimp_sparse* input,
                                                   const skimp_options* options,
                                                   skimp_sparse** result);

/** Every rank's array: fills `results`, which has room for world_size. */
SKIMP_API skimp_status skimp_allgather_sparse(skimp_communicator* communicator,
                                              const skimp_sparse* input,
                                              const skimp_options* options, skimp_sparse** results);

SKIMP_END

#endif /* SKIMP_SPARSE_H */
