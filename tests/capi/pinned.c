/* Numbers that programs compiled against an older skimp.h carry in them. They never change; a newer
 * header may only add. Compiled, not run. */
#include <skimp/skimp.h>

#define PINNED(name, value) _Static_assert((int)(name) == (value), #name " has changed")

PINNED(SKIMP_OK, 0);
PINNED(SKIMP_INVALID_ARGUMENT, 1);
PINNED(SKIMP_UNSUPPORTED_TYPE, 2);
PINNED(SKIMP_MISMATCH, 3);
PINNED(SKIMP_CORRUPT_PAYLOAD, 4);
PINNED(SKIMP_TIMEOUT, 5);
PINNED(SKIMP_PEER_FAILED, 6);
PINNED(SKIMP_NONFINITE, 7);
PINNED(SKIMP_CLOSED, 8);
PINNED(SKIMP_OUT_OF_MEMORY, 9);
PINNED(SKIMP_TRANSPORT, 10);
PINNED(SKIMP_INTERNAL, 11);
PINNED(SKIMP_DEVICE, 12);

PINNED(SKIMP_FLOAT32, 1);
PINNED(SKIMP_FLOAT16, 2);
PINNED(SKIMP_BFLOAT16, 3);
PINNED(SKIMP_FLOAT64, 4);

PINNED(SKIMP_MEAN, 0);
PINNED(SKIMP_SUM, 1);

PINNED(SKIMP_PROPAGATE, 0);
PINNED(SKIMP_RAISE, 1);
PINNED(SKIMP_SKIP, 2);

PINNED(SKIMP_ALLREDUCE, 1);
PINNED(SKIMP_REDUCE_SCATTER, 2);
PINNED(SKIMP_ALLGATHER, 3);
PINNED(SKIMP_BROADCAST, 4);

PINNED(SKIMP_FAULT_ERROR, 1);
PINNED(SKIMP_FAULT_SILENT, 2);
PINNED(SKIMP_FAULT_CORRUPT, 3);
PINNED(SKIMP_FAULT_TRUNCATE, 4);

/* An initialiser that forgets a field would leave it to the next release to find out. */
static const skimp_options defaults = SKIMP_OPTIONS_INIT;
const skimp_options* the_defaults(void) { return &defaults; }
