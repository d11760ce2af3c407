/// \file
/// What a codec is: a rule that turns values into payload bytes and back. Collectives know this
/// file and no concrete codec; a codec knows nothing of ranks or networks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/philox.h"
#include "codecs/device_status.h"
#include "device/stream.h"

namespace skimp {

/// Wire values of a frame's codec field; never reused.
enum class CodecId : std::uint8_t {
  identity = 1,
  sign = 2,
  quantize = 3,
  topk = 4,
  random_k = 5,
  lowrank = 6,
  float_ = 7,
  natural = 8,
  ternary = 9,
  block_topk = 10,
  threshold = 11,
  arc_topk = 12,
  dct = 13,
};

/// Facts from which algorithms are chosen.
struct Traits {
  bool fixed_size;   ///< the payload's bytes follow from count and dtype alone
  bool linear;       ///< payloads are reduced without decoding; see LinearRounds
  bool sliceable;    ///< shards of an array can be encoded apart from one another
  bool blockwise;    ///< a block's codes depend on that block alone: slices change no value
  bool contraction;  ///< ‖x − decode(encode(x))‖² ≤ (1 − δ)‖x‖² with δ > 0, so feedback converges
  bool unbiased;     ///< the mean over random numbers of decode(encode(x)) is x
};

/// Sparse arrays of the accumulator's type, as an owner receives them from the other ranks. A job's
/// values are then the sum from left to right: lists 0 … before − 1, input + residual_in, the rest.
struct Addends {
  struct List {
    const std::uint64_t* indices;  ///< ascending, below the job's count
    const void* values;
    std::uint64_t size;
  };
  std::span<const List> lists;
  std::size_t before = 0;
};

/// Elements begin … begin + count of an array of `of`: whole blocks, unless they are the last.
struct Part {
  std::uint64_t begin = 0;
  std::uint64_t count = 0;
  std::uint64_t of = 0;
  bool is_all() const { return count == of; }
  bool is_last() const { return begin + count == of; }
};

/// One encode, with error feedback fused in: the values to encode are input + residual_in, and
/// residual_out becomes what the payload leaves out. Residuals are of the accumulator's type.
struct EncodeJob {
  const void* input = nullptr;  ///< `count` elements of `dtype`
  DType dtype = DType::float32;
  std::uint64_t count = 0;
  Part part;  ///< which of the payload's elements these are, of a codec with parts; of 0: all
  const void* residual_in = nullptr;  ///< null: zeros
  void* residual_out = nullptr;       ///< null: not wanted. May be residual_in
  const Addends* addends = nullptr;   ///< null: none. Needs takes_addends and a residual_out
  const void* memory_in = nullptr;    ///< the codec's memory (see memory_count); null: none yet
  void* memory_out = nullptr;         ///< null: not wanted. Never memory_in
  std::byte* payload = nullptr;       ///< room for payload_bytes(payload_count(), dtype)
  std::byte* workspace = nullptr;     ///< workspace_bytes, or device_workspace_bytes, of its count
                                      ///< and dtype, aligned to 64
  RandomStream random;
  std::uint64_t first_element = 0;  ///< the payload's first, in the whole array; random numbers
                                    ///< belong to elements
  bool streamed = false;            ///< residual_out belongs to an array too large for the cache

  std::uint64_t payload_count() const { return part.of == 0 ? count : part.of; }
};

/// Whether an encoder that guesses to save passes has guessed well. No byte depends on it.
enum class Guess { none, hit, missed };

struct Encoded {
  std::uint64_t bytes = 0;
  bool nonfinite = false;  ///< some value was NaN or Inf
  Guess guess = Guess::none;
};

/// Where decoded values go.
struct Output {
  void* data = nullptr;
  DType dtype = DType::float32;
  double divisor = 1;     ///< values are divided by it (in the accumulator's type) before rounding
  bool add = false;       ///< add to what is there; `dtype` is then the accumulator's, divisor 1
  bool streamed = false;  ///< data belongs to an array too large for the cache; not when adding

  /// For values that are divided already.
  Output undivided() const {
    Output output = *this;
    output.divisor = 1;
    return output;
  }
};

/// One decode on a device: a payload of the bytes that `count` elements of `dtype` ask for.
struct DecodeJob {
  const std::byte* payload = nullptr;  ///< aligned to 16
  std::uint64_t count = 0;
  DType dtype = DType::float32;  ///< that was encoded
  Output output;
  std::byte* workspace = nullptr;  ///< device_workspace_bytes(…).decode, aligned to 64
};

/// What the kernels of a codec need in a device's memory beside arrays and payload.
struct DeviceWorkspaceBytes {
  std::uint64_t encode = 0;
  std::uint64_t decode = 0;
};

class EntryCoding;
class LinearRounds;

class Codec : public std::enable_shared_from_this<Codec> {
 public:
  virtual ~Codec() = default;

  virtual CodecId id() const = 0;
  virtual Traits traits() const = 0;

  /// The text that makes this codec, defaults filled in: "sign(block=2048)".
  virtual std::string text() const = 0;

  /// What a decoder of `count` elements needs to know beside count and dtype, as the frame's
  /// parameter field.
  virtual std::uint64_t parameter(std::uint64_t count) const = 0;

  /// Elements per block: slices begin at multiples of it.
  virtual std::uint64_t block() const { return 16; }

  /// The payload's bytes for `count` elements: exact if fixed_size, else a bound. Throws when
  /// `count` elements cannot be encoded (k exceeds count).
  virtual std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const = 0;

  virtual std::uint64_t workspace_bytes(std::uint64_t, DType) const { return 0; }

  virtual Encoded encode(const EncodeJob& job) const = 0;

  /// Whether encode adds what a job's `addends` list.
  virtual bool takes_addends() const { return false; }

  /// Reads a payload of `count` elements encoded from `dtype`. The payload is hostile: throws
  /// CorruptPayload for what no encoder writes, and touches nothing outside it and the output.
  virtual void decode(Bytes payload, std::uint64_t count, DType dtype,
                      const Output& output) const = 0;

  /// Whether payloads can be written, and read, a part after the other: no part depends on another.
  virtual bool has_parts() const { return false; }

  /// Decodes a part of a payload; output.data is the place of its first element.
  virtual void decode_part(Bytes payload, const Part& part, DType dtype,
                           const Output& output) const {
    if (!part.is_all()) fail(SKIMP_INTERNAL, text(), ": payloads have no parts");
    decode(payload, part.of, dtype, output);
  }

  /// encode and decode for arrays, residuals and payloads (aligned to 16) in a device's memory.
  /// They queue the work and return; once it is done, the bits of `status`, a word of the device
  /// that was zero, say what encode returns, or whether decode would have thrown. Written are the
  /// very bytes that encode and decode write. Throw UnsupportedType if the codec, or this machine,
  /// has no kernels.
  virtual void encode_on(const DeviceStream&, const EncodeJob&, DeviceStatus*) const {
    refuse_device();
  }
  virtual void decode_on(const DeviceStream&, const DecodeJob&, DeviceStatus*) const {
    refuse_device();
  }

  virtual DeviceWorkspaceBytes device_workspace_bytes(std::uint64_t, DType) const { return {}; }

  /// Whether encode_on and decode_on are there, so that collectives need not try.
  virtual bool has_kernels() const { return false; }
  void require_kernels() const {
    if (!has_kernels()) refuse_device();
  }

  /// The codec that knows besides what a payload alone says, which decode_on cannot look at. Throws
  /// CorruptPayload, as decode does.
  virtual std::shared_ptr<const Codec> reading(Bytes payload, std::uint64_t count) const {
    (void)payload, (void)count;
    return shared_from_this();
  }

  /// The codec for elements begin … end of an array of `count`: itself, or one with its share of a
  /// budget that the slices of an array divide among them.
  virtual std::shared_ptr<const Codec> slice(std::uint64_t begin, std::uint64_t end,
                                             std::uint64_t count) const {
    (void)begin, (void)end, (void)count;
    return shared_from_this();
  }

  /// Values of the accumulator's type that the codec carries from one call with feedback to the
  /// next, beside the residual; zeros and none at all mean the same: a beginning.
  virtual std::uint64_t memory_count(std::uint64_t) const { return 0; }

  /// How many of `count` elements keep a value, at most.
  virtual std::uint64_t kept(std::uint64_t count) const { return count; }

  /// What a two-phase reduction sends back with, unless told otherwise.
  virtual std::shared_ptr<const Codec> default_broadcast() const { return shared_from_this(); }

  /// How to write and read entries as this codec would; null unless its payload is a selection of
  /// elements with their indices. Lives as long as the codec.
  virtual const EntryCoding* entry_coding() const { return nullptr; }

  /// Null unless traits().linear.
  virtual std::unique_ptr<LinearRounds> linear_rounds(std::uint64_t, DType) const;

 private:
  [[noreturn]] void refuse_device() const {
    fail(SKIMP_UNSUPPORTED_TYPE, text(),
         " has no kernels for arrays on a device: copy the array to host memory");
  }
};

using CodecPtr = std::shared_ptr<const Codec>;

template <class Name>
void require_payload_bytes(const Name& codec, Bytes payload, std::uint64_t expected) {
  require_intact(payload.size() == expected, codec, ": payload has ", payload.size(),
                 " bytes, its count asks for ", expected);
}

/// A linear codec's reduction: rounds of "make a small buffer, reduce it densely over the ranks".
/// Low-rank factors need two, where the second buffer depends on the first sum.
class LinearRounds {
 public:
  /// What this rank put into a round's buffer, and the sum over all ranks.
  struct Exchanged {
    const void* sent;
    const void* sum;
  };

  virtual ~LinearRounds() = default;
  virtual int rounds() const = 0;
  /// Values of the accumulator's type in round `round`'s buffer.
  virtual std::uint64_t buffer_count(int round) const = 0;
  /// Fills the buffer of `round`, after those in `before`. The job's random stream is shared by all
  /// ranks; payload and workspace are not used. Returns whether some value read was not finite.
  virtual bool make_buffer(int round, const EncodeJob& job, std::span<const Exchanged> before,
                           void* buffer) = 0;
  /// Writes residual and memory (if wanted) and decodes the sums of all rounds.
  virtual void finish(const EncodeJob& job, std::span<const Exchanged> rounds,
                      const Output& output) = 0;

  /// The same two for arrays, residuals, memories and buffers (of both kinds) in a device's memory,
  /// to the same bits; a NaN in a buffer is the canonical one. They queue the work and return; once
  /// it is done, `status` says what make_buffer returns. The job is the same from the first round
  /// to finish_on; its workspace has the codec's device_workspace_bytes(…).encode. Rounds may keep
  /// something in a residual_out that is not residual_in. Throw UnsupportedType if the codec, or
  /// this machine, has no kernels.
  virtual void make_buffer_on(const DeviceStream&, int, const EncodeJob&,
                              std::span<const Exchanged>, void*, DeviceStatus*) {
    refuse_device();
  }
  virtual void finish_on(const DeviceStream&, const EncodeJob&, std::span<const Exchanged>,
                         const Output&) {
    refuse_device();
  }

 private:
  [[noreturn]] static void refuse_device() {
    fail(SKIMP_UNSUPPORTED_TYPE,
         "linear: the codec has no kernels for arrays on a device: copy the array to host memory");
  }
};

inline std::unique_ptr<LinearRounds> Codec::linear_rounds(std::uint64_t, DType) const {
  return nullptr;
}

}  // namespace skimp
