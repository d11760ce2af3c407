/** \file
 * Arrays on a device.
 *
 * Skimp's CUDA library is opened when one of these functions is first called; where it is not
 * installed they fail with SKIMP_UNSUPPORTED_TYPE, without a driver or device with SKIMP_DEVICE.
 * The environment variable SKIMP_CUDA_LIBRARY names another file than the one beside this library.
 * `stream` is a cudaStream_t of the array's device, NULL its default stream. Work is queued there,
 * so it follows what the stream was given before. docs/codecs.md says which codecs have kernels.
 *
 * A collective takes arrays on a device where `options->device` says which: then input, output and
 * residual lie there, while other ranks' may lie in host memory; results have the same bits. Only
 * payloads pass through host memory. The call waits for `stream`, and no other, where it needs what
 * kernels have made, and at its end: on return output and residual are complete, for work in any
 * stream. SKIMP_UNSUPPORTED_TYPE, before anything is sent, where the codec has no kernels or the
 * algorithm (docs/algorithms.md) does without devices. So do skimp_send and skimp_recv, each for
 * its own array; a received message of a codec without kernels stays, to be received in host
 * memory.
 */
#ifndef SKIMP_DEVICE_H
#define SKIMP_DEVICE_H

#include "skimp/types.h"

SKIMP_BEGIN

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

/* ---- Payloads that stay on the device ------------------------------------------------------- */

/** Bits of the word in which the kernels of the two calls below report. */
enum skimp_word {
  SKIMP_WORD_NONFINITE = 1, /**< encode: some value was NaN or Inf */
  SKIMP_WORD_HIT = 32,      /**< encode: top-k's guess of a bound was right, */
  SKIMP_WORD_MISSED = 64,   /**< or was not; the same bytes are written, more slowly */
  SKIMP_WORD_CORRUPT = 2 | 4 | 8 | 16 | 128 /**< decode: what no encoder writes */
};

/** Memory of the caller's on the array's device, for one call at a time. */
typedef struct skimp_device_room {
  void* payload; /**< aligned to 16 */
  uint64_t payload_bytes;
  void* workspace; /**< aligned to 64; NULL if none is needed */
  uint64_t workspace_bytes;
  uint32_t* word; /**< set by the call to 0, by its kernels to what they find */
} skimp_device_room;

/** What `count` elements of `dtype` need: the payload's bytes, exactly, and those of the
 * workspaces. SKIMP_UNSUPPORTED_TYPE where the codec has no kernels. */
SKIMP_API skimp_status skimp_device_room_bytes(const skimp_codec* codec, uint64_t count,
                                               skimp_dtype dtype, uint64_t* payload_bytes,
                                               uint64_t* encode_workspace_bytes,
                                               uint64_t* decode_workspace_bytes);

/** Queues an encode of `input` (or input + residual) to room->payload: what follows the header in
 *  the frame of skimp_encode. Waits for nothing, so what goes wrong later the stream's owner sees.
 *  The residual counts the call as done; it and the room are needed until the stream is. A codec
 *  with a memory (low-rank) has room made for it, and waits, in the residual's first two calls.
 *
 *  A graph that is made of the call repeats it with the same addresses, so the residual must then
 * be in place, of a codec without memory; and it repeats the step, hence the random numbers. */
SKIMP_API skimp_status skimp_queue_encode(const skimp_codec* codec, const void* input,
                                          uint64_t count, skimp_dtype dtype,
                                          skimp_residual* residual, const skimp_device_room* room,
                                          void* stream);

/** Queues a decode of such a payload to `output`, `count` elements of `dtype`. With `add`, to be
 *  added to what is there: elements of float32, or of float64 where that is `dtype`. Waits for
 *  nothing; where the word has a bit of SKIMP_WORD_CORRUPT, the output's values are unspecified. */
SKIMP_API skimp_status skimp_queue_decode(const skimp_codec* codec, const skimp_device_room* room,
                                          void* output, uint64_t count, skimp_dtype dtype, int add,
                                          void* stream);

SKIMP_END

#endif /* SKIMP_DEVICE_H */
