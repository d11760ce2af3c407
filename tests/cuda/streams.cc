// What a library beside the emulated one needs to queue work of its own in a stream.
#include "cuda/emulation/streams.h"

/// Work returns whether it is done; it is asked again when the stream is.
extern "C" [[gnu::visibility("default")]] void skimp_emulated_add(void* stream, bool (*work)(void*),
                                                                  void* context) {
  skimp::emulation::Streams::add_waiting(stream, [=] { return work(context); });
}
