/* Averages an array over the ranks of MPI_COMM_WORLD, keeping the 1 % that matters most.
 *
 *   mpicc allreduce_mpi.c $(python -m skimp --cflags --libs) -o allreduce_mpi
 *   mpirun -n 4 ./allreduce_mpi
 *
 * skimp/mpi.h is compiled with this program's mpi.h; libskimp itself is linked to no MPI.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#include "skimp/mpi.h"
#include "skimp/skimp.h"

enum { count = 1000000 };

static void check(skimp_status status, const char* what) {
  if (status == SKIMP_OK) return;
  fprintf(stderr, "%s: %s\n", what, skimp_last_error_message());
  MPI_Abort(MPI_COMM_WORLD, 1);
}

int main(int argc, char** argv) {
  skimp_communicator* communicator;
  skimp_codec* codec;
  skimp_options options = SKIMP_OPTIONS_INIT;
  skimp_report report = {.report_bytes = sizeof report};
  float* gradient = calloc(count, sizeof *gradient);
  float* mean = malloc(count * sizeof *mean);
  int rank, world_size, wrong = 0;

  MPI_Init(&argc, &argv);
  check(skimp_mpi_create(MPI_COMM_WORLD, &communicator), "skimp_mpi_create");
  rank = skimp_communicator_rank(communicator);
  world_size = skimp_communicator_world_size(communicator);

  /* One element in a hundred is not zero, so top-k at 1 % loses nothing. */
  for (int i = 0; i < count; i += 100) gradient[i] = (float)(i % 1000 + rank);
  check(skimp_codec_create("topk(density=0.01)", &codec), "skimp_codec_create");
  options.codec = codec;
  check(skimp_allreduce(communicator, gradient, mean, count, SKIMP_FLOAT32, &options),
        "skimp_allreduce");
  check(skimp_communicator_report(communicator, &report), "skimp_communicator_report");

  for (int i = 0; i < count; ++i) {
    const float exact = i % 100 == 0 ? (float)(i % 1000) + (float)(world_size - 1) / 2 : 0;
    wrong += mean[i] != exact;
  }
  if (rank == 0) {
    printf("%d ranks, %d elements, %s: %llu bytes sent, dense %llu, %d wrong\n", world_size, count,
           report.algorithm, (unsigned long long)report.bytes_sent,
           (unsigned long long)report.dense_bytes, wrong);
  }
  skimp_codec_destroy(codec);
  skimp_communicator_destroy(communicator);
  free(gradient);
  free(mean);
  MPI_Finalize();
  return wrong != 0;
}
