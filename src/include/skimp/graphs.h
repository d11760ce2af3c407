/** \file
 * Graphs of gossip: who mixes with whom in skimp_mix.
 */
#ifndef SKIMP_GRAPHS_H
#define SKIMP_GRAPHS_H

#include "skimp/types.h"

SKIMP_BEGIN

/** "ring", "torus" (the most even rows x columns; not for a prime number of ranks), "exponential"
 *  (neighbours 1, 2, 4, ... ranks away in both directions) or "complete". An edge weighs
 *  1 / (1 + the larger number of neighbours of its two ends), a rank itself the rest (Metropolis).
 *  Immutable: threads may share it. */
SKIMP_API skimp_status skimp_graph_create(const char* name, int world_size, skimp_graph** graph);

/** Any graph: world_size x world_size weights, row by row, finite and not negative. The matrix must
 *  be symmetric, every row must sum to 1 (within 1e-9), and the edges, which are the weights above
 *  0, must connect all ranks. */
SKIMP_API skimp_status skimp_graph_create_from_weights(const double* weights, int world_size,
                                                       skimp_graph** graph);
SKIMP_API void skimp_graph_destroy(skimp_graph* graph);

SKIMP_API int skimp_graph_world_size(const skimp_graph* graph);

/** The weight of the edge between ranks a and b, or of rank a itself if b is a. */
SKIMP_API double skimp_graph_weight(const skimp_graph* graph, int a, int b);

/** 1 - the second largest magnitude of the matrix's eigenvalues: a step of plain gossip leaves at
 *  most (1 - gap)^2 of the squared distance of all ranks to their mean. 1 for "complete", of order
 *  1 / world_size^2 for "ring". */
SKIMP_API double skimp_graph_spectral_gap(const skimp_graph* graph);

/** The step size that mix uses by default for `count` elements: docs/algorithms.md says which.
 *  `codec` NULL: identity. */
SKIMP_API skimp_status skimp_graph_step_size(const skimp_graph* graph, const skimp_codec* codec,
                                             uint64_t count, double* step_size);

SKIMP_END

#endif /* SKIMP_GRAPHS_H */
