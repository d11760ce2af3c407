/** \file
 * Codecs, and frames: arrays encoded and decoded without communication.
 */
#ifndef SKIMP_CODECS_H
#define SKIMP_CODECS_H

#include "skimp/types.h"

SKIMP_BEGIN

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

/** The density of a step of the warm-up of Deep Gradient Compression (Lin et al. 2018): it falls
 * from `first`, by the same factor in each of `stages` stages that divide `steps` steps about
 * evenly, to `density`, which holds from step `steps` on; those in between have six digits. Make a
 * top-k codec of it, at step skimp_residual_step(residual) of the residual that all of them share.
 * Needs 0 < density <= first <= 1 and 1 <= stages <= steps. */
SKIMP_API skimp_status skimp_warm_up_density(double density, double first, int64_t steps,
                                             int stages, uint64_t step, double* value);

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

SKIMP_END

#endif /* SKIMP_CODECS_H */
