"""The C functions for arrays on a device: wrong arguments are statuses with a message."""

import ctypes
from ctypes import byref, c_char_p, c_int, c_uint64, c_void_p, create_string_buffer

import numpy as np
import pytest
import skimp

from tests.capi import abi
from tests.capi.abi import FLOAT32, INVALID_ARGUMENT, OK, UNSUPPORTED_TYPE
from tests.cuda.emulation import ON_GPU, use_library
from tests.tables import array

pytestmark = pytest.mark.skipif(ON_GPU, reason="numpy memory as a device's")

COUNT = 100


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


@pytest.fixture
def sign(lib):
    codec = lib.make("codec", b"sign(block=32)")
    yield codec
    lib.codec_destroy(codec)


def test_there_and_back(lib, sign):
    x = array("normal", COUNT, "float32")
    y, left = np.empty_like(x), np.empty_like(x)
    frame, size, state, text = create_string_buffer(4096), c_uint64(), c_void_p(), c_char_p()
    assert lib.device_info(byref(text)) == OK and b"device 0" in text.value
    assert lib.residual_create_on_device(COUNT, FLOAT32, 0, 0, byref(state)) == OK
    assert lib.residual_device(state) == 0
    status = lib.encode_on_device(
        sign, x.ctypes.data, COUNT, FLOAT32, state, frame, 4096, byref(size), None
    )
    assert status == OK, lib.last_error_message()
    payload = skimp.Sign(block=32).encode(x)
    assert frame.raw[: size.value] == payload
    assert lib.decode_on_device(frame, size, y.ctypes.data, COUNT, FLOAT32, None) == OK
    assert np.array_equal(y, skimp.decode(payload, like=x))
    assert lib.residual_save(state, left.ctypes.data, COUNT) == OK
    assert np.array_equal(left, x - y)
    assert lib.residual_save(state, left.ctypes.data, COUNT - 1) == INVALID_ARGUMENT
    assert lib.last_error_message() == "residual: 99 values to save, it has 100"
    lib.residual_destroy(state)


def test_wrong_arguments(lib, sign):
    x, size, made = np.ones(COUNT, np.float32), c_uint64(), c_void_p()
    frame, data = create_string_buffer(4096), x.ctypes.data
    encode, decode = lib.encode_on_device, lib.decode_on_device
    calls = [
        ("text is NULL", lib.device_info, None),
        ("residual is NULL", lib.residual_create_on_device, 1, FLOAT32, 0, 0, None),
        ("device = -1", lib.residual_create_on_device, 1, FLOAT32, 0, -1, byref(made)),
        ("residual is NULL", lib.residual_save, None, data, COUNT),
        ("codec is NULL", encode, None, data, 1, FLOAT32, None, frame, 4096, byref(size), None),
        ("input is NULL", encode, sign, None, 1, FLOAT32, None, frame, 4096, byref(size), None),
        ("frame is NULL", encode, sign, data, 1, FLOAT32, None, None, 4096, byref(size), None),
        ("bytes is NULL", encode, sign, data, 1, FLOAT32, None, frame, 4096, None, None),
        ("capacity is 68", encode, sign, data, 1, FLOAT32, None, frame, 68, byref(size), None),
        ("exceeds", encode, sign, data, 2**61, FLOAT32, None, frame, 4096, byref(size), None),
        ("frame is NULL", decode, None, 64, data, COUNT, FLOAT32, None),
        ("output is NULL", decode, frame, 64, None, COUNT, FLOAT32, None),
        ("address is NULL", lib.device_of, None, byref(c_int())),
        ("device is NULL", lib.device_of, data, None),
    ]
    for message, function, *arguments in calls:
        assert function(*arguments) == INVALID_ARGUMENT, message
        assert message in lib.last_error_message()
    status = encode(sign, data, COUNT, 9, None, frame, 4096, byref(size), None)
    assert status == UNSUPPORTED_TYPE


def test_a_device_that_is_not_there(lib):
    made = c_void_p()
    assert lib.residual_create_on_device(COUNT, FLOAT32, 0, 7, byref(made)) == abi.DEVICE
    assert lib.last_error_message().startswith("cuda: ")
    with pytest.raises(skimp.DeviceError, match="cuda: "):
        skimp.Residual(COUNT, device=7)


def test_nothing_needs_no_memory(lib, sign):
    frame, size = create_string_buffer(64), c_uint64()
    assert lib.encode_on_device(sign, None, 0, FLOAT32, None, frame, 64, byref(size), None) == OK
    assert lib.decode_on_device(frame, size, None, 0, FLOAT32, None) == OK


def test_collectives(lib, sign):
    """One rank: the values come back; what the call is asked to do is checked before."""
    x = array("normal", COUNT, "float32")
    y, device, plan = np.zeros_like(x), c_int(), c_void_p()
    (alone,) = lib.make_threads(1)
    assert lib.device_of(x.ctypes.data, byref(device)) == OK and device.value == 0
    options = abi.Options(codec=sign, device=device.value)
    arrays = x.ctypes.data, y.ctypes.data
    assert lib.allreduce(alone, *arrays, COUNT, FLOAT32, byref(options)) == OK
    assert np.array_equal(x, y)
    y[:] = 0
    arguments = abi.ALLREDUCE, COUNT, FLOAT32, byref(options), byref(plan)
    assert lib.plan_create(alone, *arguments) == OK
    assert lib.plan_run_in_stream(plan, *arrays, None, 5) == OK
    assert np.array_equal(x, y)
    assert lib.plan_run(plan, *arrays, None) == OK
    lib.plan_destroy(plan)

    def refused(status, says, options, arrays=arrays):
        assert lib.allreduce(alone, *arrays, COUNT, FLOAT32, byref(options)) == status
        assert says in lib.last_error_message()

    refused(INVALID_ARGUMENT, "device = -2 is neither", abi.Options(codec=sign, device=-2))
    refused(INVALID_ARGUMENT, "input is on device 0", abi.Options(codec=sign, device=7))
    refused(INVALID_ARGUMENT, "input is NULL", options, (None, y.ctypes.data))
    here = lib.make("residual", COUNT, FLOAT32, 0)
    with_residual = abi.Options(codec=sign, device=0, residual=here)
    refused(INVALID_ARGUMENT, "made in host memory, used with an array on device 0", with_residual)
    lib.residual_destroy(here)
    lib.communicator_destroy(alone)


def test_messages(lib, sign):
    """From a device to host memory and back; what an end says of its array is checked."""
    x = array("normal", COUNT, "float32")
    y, z = np.zeros_like(x), np.zeros_like(x)
    first, second = lib.make_threads(2)
    there, nowhere = abi.Options(device=0), abi.Options(device=7)
    by_sign = abi.Options(codec=sign, device=0, stream=5)

    def arguments(values, peer, options):
        return values.ctypes.data, COUNT, FLOAT32, peer, 0, options and byref(options)

    assert lib.send(first, *arguments(x, 1, by_sign)) == OK, lib.last_error_message()
    assert lib.recv(second, *arguments(y, 0, None)) == OK, lib.last_error_message()
    assert np.array_equal(y, skimp.decode(skimp.Sign(block=32).encode(x)))
    assert lib.send(second, *arguments(x, 0, None)) == OK
    assert lib.recv(first, *arguments(z, 1, nowhere)) == INVALID_ARGUMENT
    assert lib.last_error_message() == "output is on device 0, the call is for device 7"
    assert lib.recv(first, *arguments(z, 1, there)) == OK, lib.last_error_message()
    assert np.array_equal(z, x)
    assert lib.send(first, *arguments(x, 1, nowhere)) == INVALID_ARGUMENT
    assert lib.last_error_message() == "input is on device 0, the call is for device 7"
    here = lib.make("residual", COUNT, FLOAT32, 0)
    with_residual = abi.Options(codec=sign, device=0, residual=here)
    assert lib.send(first, *arguments(x, 1, with_residual)) == INVALID_ARGUMENT
    assert "made in host memory, used with an array on device 0" in lib.last_error_message()
    lib.residual_destroy(here)
    for rank in (first, second):
        lib.communicator_destroy(rank)


class Part(ctypes.Structure):
    _fields_ = (("array", c_void_p), ("count", c_uint64), ("dtype", c_int))


def test_parts(lib):
    """Arrays as one buffer, and back; what cannot be is refused before a kernel sees it."""
    arrays = [
        array("normal", n, dtype) for n, dtype in ((7, "float32"), (0, "float16"), (9, "float16"))
    ]
    codes = {"float32": FLOAT32, "float16": abi.FLOAT16, "float64": abi.FLOAT64}
    parts = (Part * 3)(*(Part(x.ctypes.data, x.size, codes[x.dtype.name]) for x in arrays))
    buffer = np.empty(16, np.float32)
    to, dtype = buffer.ctypes.data, FLOAT32
    assert lib.device_pack(0, parts, 3, to, dtype, None) == OK
    expected = np.concatenate([x.astype(np.float32) for x in arrays])
    room = [np.zeros_like(x) for x in arrays]
    for part, x in zip(parts, room, strict=True):
        part.array = x.ctypes.data
    assert lib.device_unpack(0, to, dtype, parts, 3, None) == OK
    assert np.array_equal(buffer, expected)
    assert all(np.array_equal(x, y) for x, y in zip(room, arrays, strict=True))
    assert lib.device_pack(0, None, 0, None, dtype, None) == OK

    def refused(status, says, *arguments):
        assert lib.device_pack(*arguments, None) == status
        assert says in lib.last_error_message()

    refused(INVALID_ARGUMENT, "parts is NULL", 0, None, 3, to, dtype)
    refused(INVALID_ARGUMENT, "buffer is NULL", 0, parts, 3, None, dtype)
    refused(
        INVALID_ARGUMENT, "part is on device 0, the call is for device 7", 7, parts, 3, to, dtype
    )
    refused(
        UNSUPPORTED_TYPE,
        "a buffer of float64 for an array of float32",
        0,
        parts,
        3,
        to,
        abi.FLOAT64,
    )
    refused(
        UNSUPPORTED_TYPE,
        "a buffer of float16 for an array of float32",
        0,
        parts,
        3,
        to,
        abi.FLOAT16,
    )
    refused(UNSUPPORTED_TYPE, "dtype = 9", 0, parts, 3, to, 9)
    parts[2].dtype = 9
    refused(UNSUPPORTED_TYPE, "dtype = 9", 0, parts, 3, to, dtype)
    parts[2].dtype, parts[2].array = abi.FLOAT16, None
    refused(INVALID_ARGUMENT, "part is NULL", 0, parts, 3, to, dtype)
    parts[2].count = 2**62
    refused(INVALID_ARGUMENT, "exceeds", 0, parts, 3, to, dtype)


def test_copies_of_residuals(lib):
    """Of variants of feedback, too; copies are of their own."""
    made, copied, back = c_void_p(), c_void_p(), c_void_p()
    assert lib.residual_create_ef21(COUNT, FLOAT32, byref(made)) == OK
    x = array("normal", COUNT, "float32")
    ctypes.memmove(lib.residual_array(made, b"mean"), x.ctypes.data, x.nbytes)
    assert lib.residual_copy(made, 0, byref(copied)) == OK
    assert lib.residual_device(copied) == 0 and lib.residual_device(made) == abi.HOST
    assert lib.residual_copy(copied, abi.HOST, byref(back)) == OK
    for residual in (copied, back):
        kept = np.empty_like(x)
        assert lib.residual_save_array(residual, b"mean", kept.ctypes.data, COUNT) == OK
        assert np.array_equal(kept, x)
    assert lib.residual_copy(made, -2, byref(back)) == INVALID_ARGUMENT
    assert "device = -2" in lib.last_error_message()
    assert lib.residual_copy(made, 7, byref(back)) == abi.DEVICE
    for residual in (made, copied, back):
        lib.residual_destroy(residual)
