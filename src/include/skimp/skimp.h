/** \file
 * Skimp's C interface: compressed collective communication with error feedback.
 *
 * Include this file; it brings the others, each of one theme. Here are the communicators, the calls
 * that reduce and move arrays (skimp_allreduce and its sisters), and plans.
 *
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

#include "skimp/codecs.h"
#include "skimp/device.h"
#include "skimp/graphs.h"
#include "skimp/residuals.h"
#include "skimp/sparse.h"
#include "skimp/steps.h"
#include "skimp/testing.h"
#include "skimp/types.h"

#define SKIMP_VERSION_MAJOR 0
#define SKIMP_VERSION_MINOR 1
#define SKIMP_VERSION_PATCH 0
#define SKIMP_VERSION "0.1.0"

SKIMP_BEGIN

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

/** Ranks in processes that stream sockets connect, of TCP or Unix: sockets[peer] is connected with
 *  that rank and with nothing else, and has carried all that its ends had to say to each other
 *  before; the own entry is not read. Owns them on success. A rank whose process ends is noticed at
 *  once by who waits for it (SKIMP_PEER_FAILED). */
SKIMP_API skimp_status skimp_tcp_create(int rank, int world_size, const int* sockets,
                                        skimp_communicator** communicator);

/** A communicator of the ranks of `control`, in their order, in which payloads of arrays on devices
 *  go from one device to another by NCCL. All else goes as it would in a part of `control`: headers
 *  and errors, which come before and end a call within its deadline, and arrays in host memory.
 *  Collective. `device` is this rank's, which NCCL wants to be another for each; `library` names a
 *  libnccl, of NCCL 2.14 or later (NULL: libnccl.so.2, as the loader finds it). In a call, all
 *  ranks' arrays lie on their devices, or all in host memory. Payloads of sparse_doubling and
 *  sparse_balanced are read on the host, and go as those of arrays there. */
SKIMP_API skimp_status skimp_nccl_create(skimp_communicator* control, const char* library,
                                         int device, skimp_communicator** communicator);

/** The transport takes addresses on devices, as a CUDA-aware MPI does: from now on payloads of
 *  arrays on devices are sent from there, not through host memory, but for those of
 *  sparse_doubling and sparse_balanced. Equal on all ranks. In a call, all ranks' arrays lie on
 *  devices then, or all in host memory. */
SKIMP_API skimp_status skimp_communicator_send_from_devices(skimp_communicator* communicator);

/** The version of a libnccl; the text lives until this thread's next call. */
SKIMP_API skimp_status skimp_nccl_info(const char* library, const char** text);

/** Ends the communicator: calls raise SKIMP_CLOSED from then on. Not collective. */
SKIMP_API void skimp_communicator_destroy(skimp_communicator* communicator);

/** As destroy, but keeps the object: later calls fail with SKIMP_CLOSED. A non-NULL `reason` tells
 *  the peers that this rank gives up, and why; their next wait for it fails with
 *  SKIMP_PEER_FAILED at once rather than at the deadline. */
SKIMP_API skimp_status skimp_communicator_close(skimp_communicator* communicator,
                                                const char* reason);

SKIMP_API int skimp_communicator_rank(const skimp_communicator* communicator);
SKIMP_API int skimp_communicator_world_size(const skimp_communicator* communicator);

/** "threads", "mpi", "tcp", or "nccl" between devices: what carries the messages. */
SKIMP_API const char* skimp_communicator_transport(const skimp_communicator* communicator);

/** Seconds that a wait may take before SKIMP_TIMEOUT; 300 at first. The same on all ranks. */
SKIMP_API skimp_status skimp_communicator_set_timeout(skimp_communicator* communicator,
                                                      double seconds);

/** How large calls are pipelined, so that encoding, the network and decoding overlap: in segments
 *  of `segment` elements, rounded up to whole blocks (0: not cut), of which at most `window` are on
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
 *  memory, and over MPI. Before the first call it also says which ranks, if they are processes,
 * read each other's payloads in place (docs/algorithms.md). */
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
struct skimp_options {
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
};

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
struct skimp_report {
  size_t report_bytes; /**< set to sizeof(skimp_report) before the call that fills it */
  char algorithm[32];
  uint64_t count;       /**< elements of the input */
  uint64_t input_bytes; /**< count times the size of an element */
  uint64_t bytes_sent;  /**< as messages or in arenas, headers included */
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
};

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
 * of all ranks may come between. Of the options count codec, residual, which is the sender's,
 * device and stream. Returns once the frame has left: up to 4 KiB at once, more when the receiver
 * takes it, in its skimp_recv or while it waits in a skimp_send of its own. So ranks may all send
 * before they receive; but a rank that waits in a collective, or computes, takes nothing. */
SKIMP_API skimp_status skimp_send(skimp_communicator* communicator, const void* input,
                                  uint64_t count, skimp_dtype dtype, int dest, int tag,
                                  const skimp_options* options);

/** Receives from rank `source` the oldest array not received yet that was sent with this tag (0 or
 *  more), as its codec, which the sender names, delivers it. SKIMP_MISMATCH if the sender's count
 *  or dtype is another. Of the options, which may be NULL, count device and stream. */
SKIMP_API skimp_status skimp_recv(skimp_communicator* communicator, void* output, uint64_t count,
                                  skimp_dtype dtype, int source, int tag,
                                  const skimp_options* options);

/** Fills the report of the communicator's last call. */
SKIMP_API skimp_status skimp_communicator_report(const skimp_communicator* communicator,
                                                 skimp_report* report);

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

SKIMP_END

#endif /* SKIMP_SKIMP_H */
