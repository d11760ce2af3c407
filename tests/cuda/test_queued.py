"""Payloads that stay on the device: what skimp_queue_encode and _decode queue writes the host's
bytes, waits for nobody, and refuses in words what a kernel must not be given."""

from ctypes import byref, c_uint64, c_void_p

import numpy as np
import pytest
import skimp

from tests.capi import abi
from tests.capi.abi import FLOAT16, FLOAT32, INVALID_ARGUMENT, OK, UNSUPPORTED_TYPE
from tests.comparing import same_bits
from tests.cuda.emulation import ON_GPU, Closed, queue_copy, use_library
from tests.tables import array

pytestmark = pytest.mark.skipif(ON_GPU, reason="the emulated device's memory")

HEADER = 64
COUNT = 61 * 67
CODECS = (
    "identity",
    "sign",
    "quantize(bits=8)",
    "quantize(bits=4,rounding=stochastic,seed=3)",
    "topk(density=0.02)",
    "lowrank(rank=2,shapes=61x67)",
)


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


class Room:
    """Memory of a call, in closed memory of the device."""

    def __init__(self, lib, codec, count=COUNT, dtype=FLOAT32):
        sizes = [c_uint64() for _ in range(3)]
        status = lib.device_room_bytes(codec, count, dtype, *map(byref, sizes))
        assert status == OK, lib.last_error_message()
        self.payload_bytes, *workspaces = (size.value for size in sizes)
        self.payload = Closed((self.payload_bytes,), np.uint8)
        self.workspace = Closed((max(workspaces),), np.uint8)
        self.word = Closed((1,), np.uint32)
        self.word.write(np.array([0xFFFFFFFF], np.uint32))  # the call clears it

    def fields(self, **others):
        return abi.DeviceRoom(
            **{
                "payload": self.payload.address,
                "payload_bytes": self.payload_bytes,
                "workspace": self.workspace.address,
                "workspace_bytes": self.workspace.nbytes,
                "word": self.word.address,
                **others,
            }
        )


def closed(values):
    made = Closed(values.shape, values.dtype)
    made.write(values)
    return made


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize("text", CODECS)
@pytest.mark.parametrize("in_place", [0, 1])
def test_there_and_back(lib, text, dtype, in_place):
    """Three calls in a row with one residual, then a decode, and one that adds."""
    x = array("normal", COUNT, dtype)
    code, wide = abi.DTYPES[dtype], np.float64 if dtype == "float64" else np.float32
    codec = lib.make("codec", text.encode())
    room, source = Room(lib, codec, COUNT, code), closed(x)
    state, here = c_void_p(), skimp.Residual(COUNT, dtype)
    assert lib.residual_create_on_device(COUNT, code, in_place, 0, byref(state)) == OK
    fields = byref(room.fields())
    for _ in range(3):
        status = lib.queue_encode(codec, source.address, COUNT, code, state, fields, None)
        assert status == OK, lib.last_error_message()
        frame = skimp.codec(text).encode(x, here)
        assert bytes(room.payload.read()) == frame[HEADER:]
        assert room.word.read() & ~np.uint32(32 | 64) == 0
    left = np.empty(COUNT, wide)
    assert lib.residual_save(state, left.ctypes.data, COUNT) == OK
    assert same_bits(left, here.values)
    assert lib.residual_step(state) == 3

    expected = skimp.decode(frame, like=x)
    out = closed(np.full(COUNT, 7, x.dtype))
    status = lib.queue_decode(codec, fields, out.address, COUNT, code, 0, None)
    assert status == OK, lib.last_error_message()
    assert same_bits(out.read(), expected)
    total = closed(np.ones(COUNT, wide))
    assert lib.queue_decode(codec, fields, total.address, COUNT, code, 1, None) == OK
    assert same_bits(total.read(), 1 + skimp.decode(frame, like=np.empty(COUNT, wide)))
    assert room.word.read() == 0
    lib.residual_destroy(state)
    lib.codec_destroy(codec)


def test_nothing_is_waited_for(lib):
    """What was queued is done when somebody waits for the stream, not before."""
    x = array("normal", COUNT, "float32")
    codec = lib.make("codec", b"sign")
    room, source, later = Room(lib, codec), closed(x), closed(2 * x)
    before = closed(np.full(room.payload_bytes, 9, np.uint8))
    fields = byref(room.fields())
    queue_copy(0, room.payload.address, before.address, room.payload_bytes)
    assert lib.queue_encode(codec, source.address, COUNT, FLOAT32, None, fields, None) == OK
    queue_copy(0, before.address, room.payload.address, room.payload_bytes)
    assert lib.queue_encode(codec, later.address, COUNT, FLOAT32, None, fields, None) == OK
    assert bytes(before.read()) == skimp.Sign().encode(x)[HEADER:]
    assert bytes(room.payload.read()) == skimp.Sign().encode(2 * x)[HEADER:]
    lib.codec_destroy(codec)


def test_words(lib):
    """NaN, and what no encoder writes."""
    x = array("normal", COUNT, "float32")
    x[5] = np.nan
    codec = lib.make("codec", b"quantize(bits=8)")
    room, source, out = Room(lib, codec), closed(x), closed(x)
    fields = byref(room.fields())
    assert lib.queue_encode(codec, source.address, COUNT, FLOAT32, None, fields, None) == OK
    assert room.word.read() == 1
    room.payload.write(np.full(room.payload_bytes, 0x80, np.uint8))
    assert lib.queue_decode(codec, fields, out.address, COUNT, FLOAT32, 0, None) == OK
    assert room.word.read() & (2 | 4 | 8 | 16 | 128) != 0
    lib.codec_destroy(codec)


def test_wrong_arguments(lib):
    codec = lib.make("codec", b"topk(k=10)")
    room, x = Room(lib, codec), closed(array("normal", COUNT, "float32"))
    size, here, other = c_uint64(), lib.make("residual", COUNT, FLOAT32, 0), c_void_p()
    assert lib.residual_create_on_device(COUNT - 1, FLOAT32, 0, 0, byref(other)) == OK

    def refused(says, function, *arguments, status=INVALID_ARGUMENT):
        assert function(*arguments) == status, says
        assert says in lib.last_error_message()

    def encode(says, codec=codec, input=x.address, count=COUNT, residual=None, fields=None):
        fields = byref(room.fields(**(fields or {})))
        refused(says, lib.queue_encode, codec, input, count, FLOAT32, residual, fields, None)

    sizes = 3 * [byref(size)]
    refused("codec is NULL", lib.device_room_bytes, None, COUNT, FLOAT32, *sizes)
    refused("payload_bytes is NULL", lib.device_room_bytes, codec, 1, FLOAT32, None, *sizes[1:])
    refused("k = 10 exceeds count = 9", lib.device_room_bytes, codec, 9, FLOAT32, *sizes)
    refused("dtype = 9", lib.device_room_bytes, codec, 99, 9, *sizes, status=UNSUPPORTED_TYPE)
    encode("codec is NULL", codec=None)
    encode("input is NULL", input=None)
    encode("count = 0", count=0)
    encode("k = 10 exceeds count = 9", count=9)
    encode("made in host memory, used with an array on device 0", residual=here)
    encode(f"made for {COUNT - 1} elements", residual=other)
    encode("payload is NULL", fields={"payload": None})
    encode("workspace is NULL", fields={"workspace": None})
    encode("word is NULL", fields={"word": None})
    few = room.payload_bytes - 1
    encode(
        f"queue_encode: the payload needs {few + 1} bytes, the room has {few}",
        fields={"payload_bytes": few},
    )
    encode("bytes, the room has 1", fields={"workspace_bytes": 1})
    encode("must be aligned to 16", fields={"payload": room.payload.address + 8})
    encode("must be aligned to 64", fields={"workspace": room.workspace.address + 16})
    refused(
        *("room is NULL", lib.queue_encode),
        *(codec, x.address, COUNT, FLOAT32, None, None, None),
    )
    fields = byref(room.fields())
    refused("output is NULL", lib.queue_decode, codec, fields, None, COUNT, FLOAT32, 0, None)
    refused("room is NULL", lib.queue_decode, codec, None, x.address, COUNT, FLOAT32, 0, None)
    short = byref(room.fields(payload_bytes=few))
    refused(
        *("queue_decode: the payload needs", lib.queue_decode),
        *(codec, short, x.address, COUNT, FLOAT32, 0, None),
    )
    assert lib.residual_step(other) == 0
    lib.codec_destroy(codec)
    for residual in (here, other):
        lib.residual_destroy(residual)


@pytest.mark.parametrize("text", ["natural", "random_k(k=5)"])
def test_codecs_without_kernels(lib, text):
    codec, size = lib.make("codec", text.encode()), c_uint64()
    x = closed(np.ones(COUNT, np.float16))
    calls = [
        (lib.device_room_bytes, codec, COUNT, FLOAT16, *3 * [byref(size)]),
        (lib.queue_encode, codec, x.address, COUNT, FLOAT16, None, None, None),
        (lib.queue_decode, codec, None, x.address, COUNT, FLOAT16, 0, None),
    ]
    for function, *arguments in calls:
        assert function(*arguments) == UNSUPPORTED_TYPE
        assert "has no kernels" in lib.last_error_message()
    lib.codec_destroy(codec)
