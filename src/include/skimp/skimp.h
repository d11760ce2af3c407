/** \file
 * Skimp's C interface: compressed collective communication with error feedback.
 *
 * The simple calls first (skimp_allreduce and its sisters), then plans, then codecs on their own.
 * Every function returns a status; on failure skimp_last_error_message() says what failed, with
 * the values. Objects come from a create function and go to the destroy function of the same noun,
 * which accepts NULL. Text spells codecs the same way in every language: "topk(density=0.01)".
 *
 * Threads: a communicator is one rank and is used by one thread at a time; different communicators
 * are independent. Codecs are immutable and may be shared. After fork() use no communicator that
 * was made before it.
 */
#ifndef SKIMP_SKIMP_H
#define SKIMP_SKIMP_H

#include <stddef.h>
#include <stdint.h>

#define SKIMP_VERSION_MAJOR 0
#define SKIMP_VERSION_MINOR 1
#define SKIMP_VERSION_PATCH 0
#define SKIMP_VERSION "0.1.0"

#if defined(__GNUC__)
#define SKIMP_API __attribute__((visibility("default")))
#else
#define SKIMP_API
#endif

/* In C++ an enumeration takes any int only if its type is said to be int; wrong values must arrive
 * here to be refused. */
#ifdef __cplusplus
#define SKIMP_INT : int
extern "C" {
#else
#define SKIMP_INT
#endif

/* ---- Status, types ------------------------------------------------------------------------ */

/** Values are part of the ABI and never change. */
typedef enum skimp_status SKIMP_INT {
  SKIMP_OK = 0,
  SKIMP_INVALID_ARGUMENT = 1, /**< a value outside what the message says is accepted */
  SKIMP_UNSUPPORTED_TYPE = 2, /**< an element type that Skimp does not handle */
  SKIMP_MISMATCH = 3,         /**< ranks disagree on count, dtype, codec, operation, ... */
  SKIMP_CORRUPT_PAYLOAD = 4,  /**< received bytes are not a frame that Skimp wrote */
  SKIMP_TIMEOUT = 5,          /**< a peer, named in the message, did not answer in time */
  SKIMP_PEER_FAILED = 6,      /**< a peer said that it failed, and why */
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

typedef struct skimp_codec skimp_codec;
typedef struct skimp_residual skimp_residual;
typedef struct skimp_communicator skimp_communicator;
typedef struct skimp_plan skimp_plan;
typedef struct skimp_graph skimp_graph;

/* ---- Codecs and residuals ------------------------------------------------------------------ */

/** Makes a codec from its text, e.g. "identity", "sign", "sign(block=4096)",
 *  "quantize(bits=4,block=256,rounding=nearest)", "topk(density=0.01,values=float16)",
 *  "topk(k=100)", "random_k(density=0.01,seed=1)", "lowrank(rank=4,shapes=512x128+128)".
 *  docs/codecs.md lists names and defaults. */
SKIMP_API skimp_status skimp_codec_create(const char* text, skimp_codec** codec);
SKIMP_API void skimp_codec_destroy(skimp_codec* codec);

/** The codec's full text, defaults filled in. Valid as long as the codec. */
SKIMP_API const char* skimp_codec_text(const skimp_codec* codec);

/** The names of all codecs, separated by spaces. */
SKIMP_API const char* skimp_codec_names(void);

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

/* ---- Communicators ------------------------------------------------------------------------- */

/** Ranks are threads of this process: fills `communicators`, an array of world_size, one a rank. */
SKIMP_API skimp_status skimp_threads_create(int world_size, skimp_communicator** communicators);

/** Over any MPI: use skimp_mpi_create of skimp/mpi.h, which fills this table with the calls of the
 *  program's own mpi.h. Functions return 0 or an MPI error code. A request is a slot of
 *  request_bytes bytes that the library owns. */
typedef struct skimp_mpi_table {
  size_t table_bytes; /**< sizeof(skimp_mpi_table) */
  void* context;      /**< passed to each function; freed by `destroy` */
  int rank;
  int world_size;
  int shared_memory; /**< nonzero: all ranks are on one node */
  int tag_limit;     /**< tags 0 ... tag_limit may be used */
  size_t request_bytes;
  int (*isend)(void* context, const void* data, int bytes, int peer, int tag, void* request);
  int (*irecv)(void* context, void* data, int bytes, int peer, int tag, void* request);
  /** Sets *done; for a finished receive *bytes is what arrived, -1 if that did not fit. */
  int (*test)(void* context, void* request, int* done, int* bytes);
  /** Cancels a receive that has not matched, and frees the request. */
  int (*cancel)(void* context, void* request);
  /** Writes the message of an MPI error code, at most `capacity` bytes with the ending zero. */
  void (*explain)(void* context, int code, char* message, size_t capacity);
  void (*destroy)(void* context);
} skimp_mpi_table;

/** Takes over the table's context, also when it fails. */
SKIMP_API skimp_status skimp_mpi_table_create(const skimp_mpi_table* table,
                                              skimp_communicator** communicator);

/** An mpi4py communicator: `library` is the path of mpi4py's extension module (or NULL for the
 *  symbols of the process), the others point at MPI handles: a communicator that nobody else uses,
 *  and MPI_BYTE. Works with Open MPI, MPICH and its kin, and the standard ABI, whichever the
 *  process has loaded. The caller keeps the MPI communicator until the Skimp one is destroyed. */
SKIMP_API skimp_status skimp_mpi_create_from_handles(const char* library,
                                                     const void* mpi_communicator,
                                                     const void* mpi_byte, int shared_memory,
                                                     skimp_communicator** communicator);

/** Ends the communicator: calls raise SKIMP_CLOSED from then on. Not collective. */
SKIMP_API void skimp_communicator_destroy(skimp_communicator* communicator);

/** As destroy, but keeps the object: later calls fail with SKIMP_CLOSED. A non-NULL `reason` tells
 *  the peers that this rank gives up, and why; their next wait for it fails with
 *  SKIMP_PEER_FAILED at once rather than at the deadline. */
SKIMP_API skimp_status skimp_communicator_close(skimp_communicator* communicator,
                                                const char* reason);

SKIMP_API int skimp_communicator_rank(const skimp_communicator* communicator);
SKIMP_API int skimp_communicator_world_size(const skimp_communicator* communicator);

/** "threads", "mpi": what carries the messages. */
SKIMP_API const char* skimp_communicator_transport(const skimp_communicator* communicator);

/** Seconds that a wait may take before SKIMP_TIMEOUT; 300 at first. The same on all ranks. */
SKIMP_API skimp_status skimp_communicator_set_timeout(skimp_communicator* communicator,
                                                      double seconds);

/** How large calls are pipelined, so that encoding, the network and decoding overlap: in segments
 * of `segment` elements, rounded up to whole blocks (0: not cut), of which at most `window` are on
 *  their way to one peer. At first SKIMP_SEGMENT and SKIMP_WINDOW. No value of a result depends on
 *  either. `segment` must be the same on all ranks, and is for plans created afterwards. */
SKIMP_API skimp_status skimp_communicator_set_pipeline(skimp_communicator* communicator,
                                                       uint64_t segment, int window);

#define SKIMP_SEGMENT 262144
#define SKIMP_WINDOW 4

/** Threads of this rank that encode and decode, for plans created afterwards; at first what the
 *  environment variable SKIMP_THREADS says, else 1. They share large calls segment by segment
 *  (top-k: shard by shard). No value of a result depends on it; ranks may differ. */
SKIMP_API skimp_status skimp_communicator_set_threads(skimp_communicator* communicator,
                                                      int threads);

/** The node of each rank, world_size numbers of any kind, for plans created afterwards that use the
 *  algorithm "hierarchical"; the same on all ranks. Known without this call where all ranks share
 *  memory, and over MPI. */
SKIMP_API skimp_status skimp_communicator_set_nodes(skimp_communicator* communicator,
                                                    const int* nodes);

/** Collective. Ranks of equal `color` form a new communicator, in order of `key` then rank; with
 *  color < 0 a rank joins none and gets NULL. The parent must outlive the parts. */
SKIMP_API skimp_status skimp_communicator_split(skimp_communicator* communicator, int color,
                                                int key, skimp_communicator** part);

/** Collective: returns once every rank has called it. */
SKIMP_API skimp_status skimp_barrier(skimp_communicator* communicator);

/* ---- Collectives --------------------------------------------------------------------------- */

/** Options of a call; start from SKIMP_OPTIONS_INIT. */
typedef struct skimp_options {
  size_t options_bytes;               /**< sizeof(skimp_options) */
  const skimp_codec* codec;           /**< NULL: identity */
  const skimp_codec* broadcast_codec; /**< of two_phase's second phase; NULL: the codec's default */
  skimp_residual* residual;           /**< error feedback; NULL: none */
  const char* algorithm;              /**< a name of docs/algorithms.md; NULL: chosen by Skimp */
  skimp_op op;                        /**< SKIMP_MEAN by default */
  skimp_nonfinite nonfinite;
  int root;                 /**< of broadcast */
  int trim;                 /**< of SKIMP_TRIMMED_MEAN; 0: a quarter of the ranks, rounded down */
  const skimp_graph* graph; /**< of mix */
  double step_size;         /**< of mix: above 0, at most 1; 0: the default */
  int device;               /**< whose memory the arrays lie in; SKIMP_HOST by default */
  void* stream;             /**< of that device; see "Arrays on a device" */
} skimp_options;

/** In place of a device's index: host memory. */
#define SKIMP_HOST (-1)

#define SKIMP_OPTIONS_INIT \
  {sizeof(skimp_options),  \
   NULL,                   \
   NULL,                   \
   NULL,                   \
   NULL,                   \
   SKIMP_MEAN,             \
   SKIMP_PROPAGATE,        \
   0,                      \
   0,                      \
   NULL,                   \
   0,                      \
   SKIMP_HOST,             \
   NULL}

/** What the last run of a plan, or one-shot call, did on this rank. */
typedef struct skimp_report {
  size_t report_bytes; /**< set to sizeof(skimp_report) before the call that fills it */
  char algorithm[32];
  uint64_t count;       /**< elements of the input */
  uint64_t input_bytes; /**< count times the size of an element */
  uint64_t bytes_sent;  /**< counted where they enter the transport, headers included */
  uint64_t bytes_received;
  uint64_t messages_sent;
  uint64_t predicted_bytes; /**< what the algorithm's cost formula says of bytes_sent; of sparse
                                 algorithms, and codecs whose payloads vary in size, the most that
                                 it can be */
  uint64_t dense_bytes;     /**< what the dense algorithm would have sent, by its formula */
  uint64_t rounds;          /**< exchanges that depend on one another */
  uint64_t guess_hits;      /**< top-k encodes whose guess of the threshold saved passes */
  uint64_t guess_misses;    /**< and those that found the threshold the long way; same result */
  double seconds;           /**< of the whole call */
  double encode_seconds;    /**< in encoders and decoders */
  double wait_seconds;      /**< waiting for peers */
  int nonfinite;            /**< 1: some rank's input held NaN or Inf */
  int skipped;              /**< 1: nothing was written, because of SKIMP_SKIP */
} skimp_report;

/** Reduces `count` elements over all ranks into `output` (which may be `input`), the same bits on
 *  every rank. `options` NULL: the dense mean. */
SKIMP_API skimp_status skimp_allreduce(skimp_communicator* communicator, const void* input,
                                       void* output, uint64_t count, skimp_dtype dtype,
                                       const skimp_options* options);

/** As allreduce, but rank r keeps elements r·count/world_size ... of the result: `count` is that of
 *  the input and must divide by world_size; `output` has count / world_size elements. */
SKIMP_API skimp_status skimp_reduce_scatter(skimp_communicator* communicator, const void* input,
                                            void* output, uint64_t count, skimp_dtype dtype,
                                            const skimp_options* options);

/** Every rank's input, as its codec delivers it, in rank order: `output` has count · world_size
 *  elements, the same bits on every rank. */
SKIMP_API skimp_status skimp_allgather(skimp_communicator* communicator, const void* input,
                                       void* output, uint64_t count, skimp_dtype dtype,
                                       const skimp_options* options);

/** The root's input, as its codec delivers it, on every rank, the root too. `input` is read on the
 *  root only and may be NULL elsewhere. */
SKIMP_API skimp_status skimp_broadcast(skimp_communicator* communicator, const void* input,
                                       void* output, uint64_t count, skimp_dtype dtype,
                                       const skimp_options* options);

/** Part j of `input`, of world_size equal parts, goes to rank j; part i of `output` comes from rank
 *  i. Both have `count` elements, which must divide by world_size. Every part is delivered as the
 *  codec delivers it, except a rank's own, which is not encoded. A residual is that of the input.
 */
SKIMP_API skimp_status skimp_alltoall(skimp_communicator* communicator, const void* input,
                                      void* output, uint64_t count, skimp_dtype dtype,
                                      const skimp_options* options);

/** One gossip step: moves `input` towards the inputs of this rank's neighbours in `options->graph`,
 *  with which alone it exchanges data. Repeated on its own output it ends in the mean of all ranks,
 *  and every step keeps that mean. With identity the output is the sum of the neighbours' values
 *  (its own included) times their weights. Other codecs, which must be contractions, send what
 *  changed since the last step (CHOCO-SGD; Koloskova et al. 2019): their `residual` is made for
 *  3 * count values: minus the copy of the input that the neighbours know; the weighted sum of the
 *  differences between their copies and this one; and what rounding took from that sum. */
SKIMP_API skimp_status skimp_mix(skimp_communicator* communicator, const void* input, void* output,
                                 uint64_t count, skimp_dtype dtype, const skimp_options* options);

/** Sends an array to rank `dest` and to nobody else: no other rank needs to know of it, and calls
 * of all ranks may come between. Of the options count codec and residual, which is the sender's.
 *  Returns once the frame has left: up to 4 KiB at once, more when the receiver takes it, in its
 *  skimp_recv or while it waits in a skimp_send of its own. So ranks may all send before they
 *  receive; but a rank that waits in a collective, or computes, takes nothing. */
SKIMP_API skimp_status skimp_send(skimp_communicator* communicator, const void* input,
                                  uint64_t count, skimp_dtype dtype, int dest, int tag,
                                  const skimp_options* options);

/** Receives from rank `source` the oldest array not received yet that was sent with this tag (0 or
 *  more), as its codec, which the sender names, delivers it. SKIMP_MISMATCH if the sender's count
 *  or dtype is another. */
SKIMP_API skimp_status skimp_recv(skimp_communicator* communicator, void* output, uint64_t count,
                                  skimp_dtype dtype, int source, int tag);

/** Fills the report of the communicator's last call. */
SKIMP_API skimp_status skimp_communicator_report(const skimp_communicator* communicator,
                                                 skimp_report* report);

/* ---- Graphs of gossip ------------------------------------------------------------------------ */

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

/* ---- Sparse arrays ------------------------------------------------------------------------- */

/** Entries of an array that is zero elsewhere, such as the gradient of an embedding: what the
 *  caller has selected is sent without loss. */
typedef struct skimp_sparse skimp_sparse;

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

/* ---- Plans: choose once, run often ---------------------------------------------------------- */

typedef enum skimp_collective SKIMP_INT {
  SKIMP_ALLREDUCE = 1,
  SKIMP_REDUCE_SCATTER = 2,
  SKIMP_ALLGATHER = 3,
  SKIMP_BROADCAST = 4,
  SKIMP_MIX = 5,
  SKIMP_ALLTOALL = 6
} skimp_collective;

/** Picks the algorithm and allocates the workspace. Not collective; the first run compares the
 *  plans of all ranks. The residual and stream of `options` are ignored: they are arguments of the
 *  run. The communicator must outlive the plan. */
SKIMP_API skimp_status skimp_plan_create(skimp_communicator* communicator,
                                         skimp_collective collective, uint64_t count,
                                         skimp_dtype dtype, const skimp_options* options,
                                         skimp_plan** plan);
SKIMP_API void skimp_plan_destroy(skimp_plan* plan);
SKIMP_API skimp_status skimp_plan_run(skimp_plan* plan, const void* input, void* output,
                                      skimp_residual* residual);
/** Of a plan for a device, as `options->device` of its creation says: in this stream of it, where
 *  skimp_plan_run takes the default stream. */
SKIMP_API skimp_status skimp_plan_run_in_stream(skimp_plan* plan, const void* input, void* output,
                                                skimp_residual* residual, void* stream);
/** Before the first run: the prediction, with zeros for what is measured. */
SKIMP_API skimp_status skimp_plan_report(const skimp_plan* plan, skimp_report* report);

/** The plan in words: collective, count, dtype, op, codecs, algorithm. Valid as long as it. */
SKIMP_API const char* skimp_plan_text(const skimp_plan* plan);

/* ---- Encode and decode without communication ------------------------------------------------ */

/** An upper bound (for fixed-size codecs the exact number) of a frame's bytes. */
SKIMP_API skimp_status skimp_frame_bytes(const skimp_codec* codec, uint64_t count,
                                         skimp_dtype dtype, uint64_t* bytes);

/** Writes a frame (64-byte header and payload) of `input`, or of input + residual when a residual
 *  is given, which then keeps what the frame leaves out. */
SKIMP_API skimp_status skimp_encode(const skimp_codec* codec, const void* input, uint64_t count,
                                    skimp_dtype dtype, skimp_residual* residual, void* frame,
                                    uint64_t capacity, uint64_t* bytes);

typedef struct skimp_frame_info {
  size_t info_bytes; /**< set to sizeof(skimp_frame_info) before the call */
  uint64_t count;
  uint64_t frame_bytes;
  skimp_dtype dtype;
  int nonfinite;
  char codec[128]; /**< the codec's text */
} skimp_frame_info;

/** Reads and checks a frame's header and checksum. */
SKIMP_API skimp_status skimp_frame_inspect(const void* frame, uint64_t bytes,
                                           skimp_frame_info* info);

/** Decodes a frame into `count` elements of `dtype`; count must be the frame's. Safe on any bytes:
 *  SKIMP_CORRUPT_PAYLOAD, and nothing outside `output` is written. */
SKIMP_API skimp_status skimp_decode(const void* frame, uint64_t bytes, void* output, uint64_t count,
                                    skimp_dtype dtype);

/* ---- Arrays on a device ----------------------------------------------------------------------
 *
 * Skimp's CUDA library is opened when one of these functions is first called; where it is not
 * installed they fail with SKIMP_UNSUPPORTED_TYPE, without a driver or device with SKIMP_DEVICE.
 * The environment variable SKIMP_CUDA_LIBRARY names another file than the one beside this library.
 * `stream` is a cudaStream_t of the array's device, NULL its default stream. Work is queued there,
 * so it follows what the stream was given before. Codecs with kernels: identity, sign, quantize,
 * topk, lowrank.
 *
 * A collective takes arrays on a device where `options->device` says which: then input, output and
 * residual lie there, while other ranks' may lie in host memory; results have the same bits. Only
 * payloads pass through host memory. The call waits for `stream`, and no other, where it needs what
 * kernels have made, and at its end: on return output and residual are complete, for work in any
 * stream. SKIMP_UNSUPPORTED_TYPE, before anything is sent, where the codec has no kernels or the
 * algorithm (docs/algorithms.md) does without devices. */

/** Versions and devices in words. Valid until this thread's next call. */
SKIMP_API skimp_status skimp_device_info(const char** text);

/** The device whose memory `address` is in. Fails for host memory. */
SKIMP_API skimp_status skimp_device_of(const void* address, int* device);

/** As skimp_residual_create, in the memory of `device`. For encodes of arrays there. */
SKIMP_API skimp_status skimp_residual_create_on_device(uint64_t count, skimp_dtype dtype,
                                                       int in_place, int device,
                                                       skimp_residual** residual);

/** The device whose memory holds the values; SKIMP_HOST: the host's. */
SKIMP_API int skimp_residual_device(const skimp_residual* residual);

/** Copies the values of any residual to `values`, `count` of them in host memory. */
SKIMP_API skimp_status skimp_residual_save(const skimp_residual* residual, void* values,
                                           uint64_t count);

/** The same with the codec's memory, all skimp_residual_memory_count values of it. */
SKIMP_API skimp_status skimp_residual_save_memory(const skimp_residual* residual, void* values,
                                                  uint64_t count);

/** Another residual, that goes on where this one is, in the memory of `device`; SKIMP_HOST: the
 *  host's. For a rank whose array has moved, and for variants of feedback, which are made in host
 *  memory; other ranks need not know. */
SKIMP_API skimp_status skimp_residual_copy(const skimp_residual* residual, int device,
                                           skimp_residual** copy);

/** One of several arrays that are reduced as one. */
typedef struct skimp_part {
  void* array; /**< `count` elements of `dtype` on the device */
  uint64_t count;
  skimp_dtype dtype;
} skimp_part;

/** Writes the parts one after the other to `buffer`, as elements of `dtype`: that of all parts, or
 *  SKIMP_FLOAT32 for parts of float32, float16 and bfloat16. The work is queued in `stream`. */
SKIMP_API skimp_status skimp_device_pack(int device, const skimp_part* parts, uint64_t part_count,
                                         void* buffer, skimp_dtype dtype, void* stream);

/** And back, rounding to the parts' types. Waits for the stream. */
SKIMP_API skimp_status skimp_device_unpack(int device, const void* buffer, skimp_dtype dtype,
                                           const skimp_part* parts, uint64_t part_count,
                                           void* stream);

/** As skimp_encode: `input` and the residual lie on one device, `frame` in host memory. The same
 *  bytes are written. Waits for the stream: on return, frame and residual are complete. */
SKIMP_API skimp_status skimp_encode_on_device(const skimp_codec* codec, const void* input,
                                              uint64_t count, skimp_dtype dtype,
                                              skimp_residual* residual, void* frame,
                                              uint64_t capacity, uint64_t* bytes, void* stream);

/** As skimp_decode: `frame` lies in host memory, `output` on a device. Waits for the stream: on
 *  return, the output is complete. After a failure its values are unspecified. */
SKIMP_API skimp_status skimp_decode_on_device(const void* frame, uint64_t bytes, void* output,
                                              uint64_t count, skimp_dtype dtype, void* stream);

/* ---- Testing --------------------------------------------------------------------------------- */

/** Faults for tests of what a failing peer does to the others. */
typedef enum skimp_fault SKIMP_INT {
  SKIMP_FAULT_ERROR = 1,   /**< the exchange fails with SKIMP_TRANSPORT */
  SKIMP_FAULT_SILENT = 2,  /**< from then on this rank sends nothing and receives nothing */
  SKIMP_FAULT_CORRUPT = 3, /**< one bit of the first message sent is flipped */
  SKIMP_FAULT_TRUNCATE = 4 /**< the first message sent loses its last byte */
} skimp_fault;

/** From now on the `exchange`-th exchange of this rank (0: the next) suffers `fault`. */
SKIMP_API skimp_status skimp_communicator_inject_fault(skimp_communicator* communicator,
                                                       skimp_fault fault, uint64_t exchange);

#ifdef __cplusplus
}
#endif

#endif /* SKIMP_SKIMP_H */
