/** \file
 * Skimp over the MPI that a program is compiled with. Include it in C or C++ and compile with
 * mpicc; libskimp itself is linked to no MPI, so one build of it serves them all.
 *
 *     skimp_communicator* communicator;
 *     MPI_Init(&argc, &argv);
 *     if (skimp_mpi_create(MPI_COMM_WORLD, &communicator) != SKIMP_OK) ...
 *     ...
 *     skimp_communicator_destroy(communicator);
 *     MPI_Finalize();
 *
 * Calls on different communicators from several threads need MPI_THREAD_MULTIPLE, calls from one
 * thread at a time MPI_THREAD_SERIALIZED.
 */
#ifndef SKIMP_MPI_H
#define SKIMP_MPI_H

/* libskimp's own build defines this: it declares the MPI of several ABIs by itself, to reach an MPI
 * that is already loaded, and compiles the functions below once for each. */
#ifndef SKIMP_MPI_DECLARED
#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1 /* no C++ bindings, which would ask for a library of their own */
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>
#endif

#include <stdlib.h>
#include <string.h>

#include "skimp/skimp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The functions of skimp_mpi_table: called by the library only --------------------------- */

typedef struct skimp_mpi_context {
  MPI_Comm communicator;
  MPI_Datatype byte;
} skimp_mpi_context;

static inline int skimp_mpi_isend(void* context, const void* data, int bytes, int peer, int tag,
                                  void* request) {
  const skimp_mpi_context* mpi = (const skimp_mpi_context*)context;
  return MPI_Isend(data, bytes, mpi->byte, peer, tag, mpi->communicator, (MPI_Request*)request);
}

static inline int skimp_mpi_irecv(void* context, void* data, int bytes, int peer, int tag,
                                  void* request) {
  const skimp_mpi_context* mpi = (const skimp_mpi_context*)context;
  return MPI_Irecv(data, bytes, mpi->byte, peer, tag, mpi->communicator, (MPI_Request*)request);
}

static inline int skimp_mpi_test(void* context, void* request, int* done, int* bytes) {
  const skimp_mpi_context* mpi = (const skimp_mpi_context*)context;
  MPI_Status status;
  int code, error_class;
  memset(&status, 0, sizeof status); /* a send leaves its count unset */
  code = MPI_Test((MPI_Request*)request, done, &status);
  if (code == MPI_SUCCESS) return *done ? MPI_Get_count(&status, mpi->byte, bytes) : MPI_SUCCESS;
  if (MPI_Error_class(code, &error_class) != MPI_SUCCESS || error_class != MPI_ERR_TRUNCATE) {
    return code;
  }
  *done = 1;
  *bytes = -1;
  return MPI_SUCCESS;
}

/* A receive that has matched cannot be cancelled, and waiting for it could hang: let go of it. */
static inline int skimp_mpi_cancel(void* context, void* request) {
  MPI_Status status;
  int done = 0, finalized = 0, code;
  (void)context;
  MPI_Finalized(&finalized);
  if (finalized) return MPI_SUCCESS;
  code = MPI_Cancel((MPI_Request*)request);
  if (code == MPI_SUCCESS) code = MPI_Test((MPI_Request*)request, &done, &status);
  if (code == MPI_SUCCESS && !done) code = MPI_Request_free((MPI_Request*)request);
  return code;
}

static inline void skimp_mpi_explain(void* context, int code, char* message, size_t capacity) {
  char buffer[MPI_MAX_ERROR_STRING + 1] = "";
  int length = 0;
  (void)context;
  if (capacity == 0) return;
  MPI_Error_string(code, buffer, &length);
  strncpy(message, buffer, capacity - 1);
  message[capacity - 1] = '\0';
}

static inline void skimp_mpi_free(void* context) { free(context); }

/* Fills the table for a communicator that stays the caller's; SKIMP_TRANSPORT when MPI fails. */
static inline skimp_status skimp_mpi_fill(MPI_Comm communicator, MPI_Datatype byte,
                                          int shared_memory, skimp_mpi_table* table) {
  int* tag_limit = NULL;
  int found = 0;
  skimp_mpi_context* mpi;
  memset(table, 0, sizeof *table);
  if (MPI_Comm_rank(communicator, &table->rank) != MPI_SUCCESS ||
      MPI_Comm_size(communicator, &table->world_size) != MPI_SUCCESS ||
      MPI_Comm_get_attr(communicator, MPI_TAG_UB, &tag_limit, &found) != MPI_SUCCESS) {
    return SKIMP_TRANSPORT;
  }
  mpi = (skimp_mpi_context*)malloc(sizeof *mpi);
  if (mpi == NULL) return SKIMP_OUT_OF_MEMORY;
  mpi->communicator = communicator;
  mpi->byte = byte;
  table->table_bytes = sizeof *table;
  table->context = mpi;
  table->shared_memory = shared_memory;
  table->tag_limit = found ? *tag_limit : 32767; /* the least that every MPI allows */
  table->request_bytes = sizeof(MPI_Request);
  table->isend = skimp_mpi_isend;
  table->irecv = skimp_mpi_irecv;
  table->test = skimp_mpi_test;
  table->cancel = skimp_mpi_cancel;
  table->explain = skimp_mpi_explain;
  table->destroy = skimp_mpi_free;
  return SKIMP_OK;
}

/* ---- For programs ---------------------------------------------------------------------------- */

#ifndef SKIMP_MPI_DECLARED

static inline void skimp_mpi_free_duplicate(void* context) {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (!finalized) MPI_Comm_free(&((skimp_mpi_context*)context)->communicator);
  free(context);
}

/* The node of each rank of `comm`, as the least rank of it, to be freed; NULL when MPI fails. */
static inline int* skimp_mpi_find_nodes(MPI_Comm comm) {
  MPI_Comm node;
  int rank = 0, world_size = 0, found;
  int* nodes;
  if (MPI_Comm_rank(comm, &rank) != MPI_SUCCESS ||
      MPI_Comm_size(comm, &world_size) != MPI_SUCCESS ||
      MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node) != MPI_SUCCESS) {
    return NULL;
  }
  nodes = (int*)malloc((size_t)world_size * sizeof *nodes);
  found = nodes != NULL && MPI_Bcast(&rank, 1, MPI_INT, 0, node) == MPI_SUCCESS &&
          MPI_Allgather(&rank, 1, MPI_INT, nodes, 1, MPI_INT, comm) == MPI_SUCCESS;
  MPI_Comm_free(&node);
  if (found) return nodes;
  free(nodes);
  return NULL;
}

/** Collective over `comm`, which stays the caller's: Skimp's messages go over a duplicate of it.
 *  SKIMP_TRANSPORT without a message of Skimp's when MPI fails to make that. */
static inline skimp_status skimp_mpi_create(MPI_Comm comm, skimp_communicator** communicator) {
  skimp_mpi_table table;
  skimp_status status = SKIMP_TRANSPORT;
  MPI_Comm duplicate;
  int* nodes;
  int shared_memory = 1, i;
  *communicator = NULL;
  if (MPI_Comm_dup(comm, &duplicate) != MPI_SUCCESS) return SKIMP_TRANSPORT;
  /* Errors come back as codes from here on; the default is to end the program. */
  nodes = MPI_Comm_set_errhandler(duplicate, MPI_ERRORS_RETURN) == MPI_SUCCESS
              ? skimp_mpi_find_nodes(duplicate)
              : NULL;
  if (nodes != NULL) status = skimp_mpi_fill(duplicate, MPI_BYTE, 0, &table);
  if (status != SKIMP_OK) {
    free(nodes);
    MPI_Comm_free(&duplicate);
    return status;
  }
  for (i = 0; i < table.world_size; ++i) shared_memory &= nodes[i] == nodes[0];
  table.shared_memory = shared_memory;
  table.destroy = skimp_mpi_free_duplicate;
  status = skimp_mpi_table_create(&table, communicator);
  if (status == SKIMP_OK) status = skimp_communicator_set_nodes(*communicator, nodes);
  free(nodes);
  return status;
}

#endif /* SKIMP_MPI_DECLARED */

#ifdef __cplusplus
}
#endif

#endif /* SKIMP_MPI_H */
