/* Local SGD in C: four ranks (threads) take steps alone, and average every 8 with 4 bits a value.
 *
 *   cc local_sgd_threads.c $(python -m skimp --cflags --libs) -lpthread -lm -o example
 *   ./example
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "skimp/skimp.h"

enum { ranks = 4, count = 10000, steps = 800, period = 8 };

static void check(skimp_status status) {
  if (status == SKIMP_OK) return;
  fprintf(stderr, "%s\n", skimp_last_error_message());
  exit(1);
}

/* Rank r is drawn to its own wave; their mean, at the end close to zero, is the optimum. */
static float target(int rank, int i) { return sinf((float)i + 1.5707963f * (float)rank); }

static void* run_rank(void* communicator) {
  static float x[ranks][count], anchor[ranks][count], velocity[ranks][count], distance[ranks];
  const int rank = skimp_communicator_rank(communicator);
  skimp_local_sgd local = SKIMP_LOCAL_SGD_INIT;
  skimp_options options = SKIMP_OPTIONS_INIT;
  skimp_codec* codec;

  check(skimp_codec_create("quantize(bits=4)", &codec));
  check(skimp_residual_create(count, SKIMP_FLOAT32, 0, &options.residual));
  options.codec = codec;
  local.anchor = anchor[rank];
  local.velocity = velocity[rank];
  check(skimp_local_sgd_start(communicator, &local, x[rank], x[rank], count, SKIMP_FLOAT32));
  for (int step = 1; step <= steps; ++step) {
    const float rate = 0.1f * (1 - (float)step / steps);
    for (int i = 0; i < count; ++i) x[rank][i] -= rate * (x[rank][i] - target(rank, i));
    if (step % period != 0) continue;
    check(skimp_local_sgd_synchronise(communicator, &local, x[rank], x[rank], count, SKIMP_FLOAT32,
                                      &options));
  }
  for (int i = 0; i < count; ++i) distance[rank] = fmaxf(distance[rank], fabsf(x[rank][i]));
  skimp_residual_destroy(options.residual);
  skimp_codec_destroy(codec);
  return &distance[rank];
}

int main(void) {
  skimp_communicator* communicators[ranks];
  pthread_t threads[ranks];
  void* distance;
  check(skimp_threads_create(ranks, communicators));
  for (int r = 0; r < ranks; ++r) pthread_create(&threads[r], NULL, run_rank, communicators[r]);
  for (int r = 0; r < ranks; ++r) pthread_join(threads[r], &distance);
  for (int r = 0; r < ranks; ++r) skimp_communicator_destroy(communicators[r]);
  printf("Local SGD: distance from the optimum %.1e\n", *(float*)distance);
  return *(float*)distance < 0.01f ? 0 : 1;
}
