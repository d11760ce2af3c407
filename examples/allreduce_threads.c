/* Averages an array over four ranks that are threads of this program, with one bit an element.
 *
 *   cc allreduce_threads.c $(python -m skimp --cflags --libs) -lpthread -lm -o allreduce_threads
 *   ./allreduce_threads
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "skimp/skimp.h"

enum { ranks = 4, count = 100000, steps = 50 };

#define CHECK(call)                                                   \
  do {                                                                \
    if ((call) != SKIMP_OK) {                                         \
      fprintf(stderr, "%s: %s\n", #call, skimp_last_error_message()); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

/* Every step gives the same input, so the average of the results tends to the exact mean: what one
 * step leaves out, a later one delivers. */
static void* run_rank(void* argument) {
  skimp_communicator* communicator = argument;
  const int rank = skimp_communicator_rank(communicator);
  float* input = malloc(count * sizeof *input);
  float* output = malloc(count * sizeof *output);
  double* total = calloc(count, sizeof *total);
  double error = 0, norm = 0;
  skimp_options options = SKIMP_OPTIONS_INIT;
  skimp_codec* codec;
  skimp_residual* residual;
  skimp_report report = {.report_bytes = sizeof report};

  for (int i = 0; i < count; ++i) input[i] = sinf(0.001f * (float)i) + (float)rank;
  CHECK(skimp_codec_create("sign", &codec));
  CHECK(skimp_residual_create(count, SKIMP_FLOAT32, 0, &residual));
  options.codec = codec;
  options.residual = residual;
  for (int step = 0; step < steps; ++step) {
    CHECK(skimp_allreduce(communicator, input, output, count, SKIMP_FLOAT32, &options));
    for (int i = 0; i < count; ++i) total[i] += output[i] / steps;
  }
  CHECK(skimp_communicator_report(communicator, &report));

  for (int i = 0; i < count; ++i) {
    const double exact = sinf(0.001f * (float)i) + (ranks - 1) / 2.0;
    error += (total[i] - exact) * (total[i] - exact);
    norm += exact * exact;
  }
  if (rank == 0) {
    printf("%d ranks, %d elements, %s: %.1f times fewer bytes, relative error %.4f\n", ranks, count,
           report.algorithm, (double)report.dense_bytes / (double)report.bytes_sent,
           sqrt(error / norm));
  }
  skimp_residual_destroy(residual);
  skimp_codec_destroy(codec);
  free(input);
  free(output);
  free(total);
  return sqrt(error / norm) < 0.05 ? NULL : argument;
}

int main(void) {
  skimp_communicator* communicators[ranks];
  pthread_t threads[ranks];
  int failures = 0;
  CHECK(skimp_threads_create(ranks, communicators));
  for (int r = 0; r < ranks; ++r) pthread_create(&threads[r], NULL, run_rank, communicators[r]);
  for (int r = 0; r < ranks; ++r) {
    void* result;
    pthread_join(threads[r], &result);
    failures += result != NULL;
    skimp_communicator_destroy(communicators[r]);
  }
  return failures;
}
