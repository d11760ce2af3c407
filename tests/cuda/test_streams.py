"""The caller's stream is honoured both ways: what it was given before comes first, and what a call
returns is complete. An emulated stream does its work only when somebody waits for it."""

import ctypes

import numpy as np
import pytest
import skimp

from tests.comparing import same_bits
from tests.cuda.emulation import ON_GPU, Dressed, emulated_runtime, use_library
from tests.tables import array

pytestmark = pytest.mark.skipif(ON_GPU, reason="about emulated streams")

MINE, OTHER = 77, 99


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


def queue_copy(stream: int, to: np.ndarray, values: np.ndarray) -> None:
    """Work that the stream has before Skimp is called."""

    class Stream(ctypes.Structure):
        _fields_ = (("device", ctypes.c_int), ("stream", ctypes.c_void_p))

    copy = emulated_runtime().skimp_cuda_copy
    copy.argtypes = (Stream, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)
    assert copy(Stream(0, stream), to.ctypes.data, values.ctypes.data, values.nbytes) == 0


@pytest.mark.parametrize("codec", ["sign", "quantize(bits=4)", "topk(density=0.01,values=float16)"])
def test_encode_follows_what_the_stream_was_given(codec):
    x = array("normal", 5003, "float32")
    memory = np.zeros_like(x)
    queue_copy(MINE, memory, x)
    assert not memory.any()  # the emulation is lazy, or this test shows nothing
    assert skimp.codec(codec).encode(Dressed(memory, MINE)) == skimp.codec(codec).encode(x)


def test_encode_waits_for_no_other_stream():
    x = array("normal", 5003, "float32")
    memory = np.zeros_like(x)
    queue_copy(OTHER, memory, x)
    zeros = skimp.Sign().encode(np.zeros_like(x))
    assert skimp.Sign().encode(Dressed(memory, MINE)) == zeros
    assert skimp.Sign().encode(Dressed(memory, OTHER)) != zeros


@pytest.mark.parametrize("stream", [None, 1, 2, MINE])
def test_results_are_complete(stream):
    x = array("normal", 5003, "float32")
    payload = skimp.Sign().encode(Dressed(x, stream))
    decoded = skimp.decode(payload, like=Dressed(x, stream)).values
    assert same_bits(decoded, skimp.decode(payload, like=x))


def test_the_default_stream_has_one_name():
    """The interface says 1 for it, or nothing; CUDA itself 0."""
    x = array("normal", 100, "float32")
    for stream in (None, 1):
        memory = np.zeros_like(x)
        queue_copy(0, memory, x)
        assert skimp.Sign().encode(Dressed(memory, stream)) == skimp.Sign().encode(x)
