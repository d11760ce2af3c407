/** \file
 * Faults, for tests of what a failing peer does to the others.
 */
#ifndef SKIMP_TESTING_H
#define SKIMP_TESTING_H

#include "skimp/types.h"

SKIMP_BEGIN

typedef enum skimp_fault SKIMP_INT {
  SKIMP_FAULT_ERROR = 1,   /**< the exchange fails with SKIMP_TRANSPORT */
  SKIMP_FAULT_SILENT = 2,  /**< from then on this rank sends nothing and receives nothing */
  SKIMP_FAULT_CORRUPT = 3, /**< one bit of the first message sent is flipped */
  SKIMP_FAULT_TRUNCATE = 4 /**< the first message sent loses its last byte */
} skimp_fault;

/** From now on the `exchange`-th exchange of this rank (0: the next) suffers `fault`. */
SKIMP_API skimp_status skimp_communicator_inject_fault(skimp_communicator* communicator,
                                                       skimp_fault fault, uint64_t exchange);

SKIMP_END

#endif /* SKIMP_TESTING_H */
