/** \file
 * What Skimp's headers share: status, element types, the names of its objects.
 */
#ifndef SKIMP_TYPES_H
#define SKIMP_TYPES_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SKIMP_API __attribute__((visibility("default")))
#else
#define SKIMP_API
#endif

/* In C++ an enumeration takes any int only if its type is said to be int; wrong values must arrive
 * here to be refused. */
#ifdef __cplusplus
#define SKIMP_INT : int
#define SKIMP_BEGIN extern "C" {
#define SKIMP_END }
#else
#define SKIMP_INT
#define SKIMP_BEGIN
#define SKIMP_END
#endif

SKIMP_BEGIN

/** Values are part of the ABI and never change. */
typedef enum skimp_status SKIMP_INT {
  SKIMP_OK = 0,
  SKIMP_INVALID_ARGUMENT = 1, /**< a value outside what the message says is accepted */
  SKIMP_UNSUPPORTED_TYPE = 2, /**< an element type that Skimp does not handle */
  SKIMP_MISMATCH = 3,         /**< ranks disagree on count, dtype, codec, operation, ... */
  SKIMP_CORRUPT_PAYLOAD = 4,  /**< received bytes are not a frame that Skimp wrote */
  SKIMP_TIMEOUT = 5,          /**< a peer, named in the message, did not answer in time */
  SKIMP_PEER_FAILED = 6,      /**< a peer said that it failed, and why; or it has gone */
  SKIMP_NONFINITE = 7,        /**< NaN or Inf on some rank, and the call asked to raise */
  SKIMP_CLOSED = 8,           /**< the communicator was closed */
  SKIMP_OUT_OF_MEMORY = 9,
  SKIMP_TRANSPORT = 10, /**< the network library reported an error */
  SKIMP_INTERNAL = 11,  /**< a bug in Skimp */
  SKIMP_DEVICE = 12     /**< CUDA reported an error */
} skimp_status;

/** The message of the last failure in this thread; "" before the first. Valid until the next. */
SKIMP_API const char* skimp_last_error_message(void);

/** "0.1.0": the version of the library that is loaded, to compare with SKIMP_VERSION. */
SKIMP_API const char* skimp_version(void);

/** The vector instruction sets that this processor has and Skimp is compiled for, narrowest first:
 *  "scalar, avx2, avx512" or fewer. */
SKIMP_API const char* skimp_isa_names(void);

/** The one in use: the widest, unless the environment variable SKIMP_FORCE_ISA named another when
 *  Skimp was first used. No byte of a payload or result depends on it. Fails with
 *  SKIMP_INVALID_ARGUMENT if that variable names none of skimp_isa_names(). */
SKIMP_API skimp_status skimp_isa(const char** name);

/** Uses another from now on, in the whole process: for comparisons. */
SKIMP_API skimp_status skimp_use_isa(const char* name);

typedef enum skimp_dtype SKIMP_INT {
  SKIMP_FLOAT32 = 1,
  SKIMP_FLOAT16 = 2,
  SKIMP_BFLOAT16 = 3,
  SKIMP_FLOAT64 = 4
} skimp_dtype;

/** How values of all ranks become one. The last three survive what fewer than half of the ranks
 *  make of their input, NaN included; they are no sums, so error feedback keeps what codecs leave
 *  out, but results and residuals do not add up to the inputs. */
typedef enum skimp_op SKIMP_INT {
  SKIMP_MEAN = 0,
  SKIMP_SUM = 1,
  SKIMP_MEDIAN = 2,       /**< of an even number, the mean of the middle two; NaN is the largest */
  SKIMP_TRIMMED_MEAN = 3, /**< the mean without the `trim` smallest and the `trim` largest */
  SKIMP_VOTE = 4          /**< -1, 0 or 1: the sign that more ranks have; 0 and NaN abstain */
} skimp_op;

/** What to do when an input or a residual holds NaN or Inf on any rank. */
typedef enum skimp_nonfinite SKIMP_INT {
  SKIMP_PROPAGATE = 0, /**< as a dense reduction would; the residual of what they touch is zeroed */
  SKIMP_RAISE = 1,     /**< SKIMP_NONFINITE on every rank; no residual changes */
  SKIMP_SKIP = 2       /**< no output is written and no residual changes, on every rank */
} skimp_nonfinite;

/** In place of a device's index: host memory. */
#define SKIMP_HOST (-1)

typedef struct skimp_codec skimp_codec;
typedef struct skimp_residual skimp_residual;
typedef struct skimp_communicator skimp_communicator;
typedef struct skimp_plan skimp_plan;
typedef struct skimp_graph skimp_graph;
typedef struct skimp_sparse skimp_sparse;
typedef struct skimp_delayed skimp_delayed;
typedef struct skimp_options skimp_options; /**< of a call: skimp/skimp.h */
typedef struct skimp_report skimp_report;   /**< of what a call did: likewise */

SKIMP_END

#endif /* SKIMP_TYPES_H */
