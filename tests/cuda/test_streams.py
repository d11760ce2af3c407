"""The caller's stream is honoured both ways: what it was given before comes first, and what a call
returns is complete. An emulated stream does its work only when somebody waits for it."""

import numpy as np
import pytest
import skimp

from tests.comparing import same_bits
from tests.cuda.emulation import ON_GPU, Dressed, on_host, queue_copy, use_library
from tests.tables import array

pytestmark = pytest.mark.skipif(ON_GPU, reason="about emulated streams")

MINE, OTHER = 77, 99


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


def queue_values(stream: int, to: np.ndarray, values: np.ndarray) -> None:
    """Work that the stream has before Skimp is called."""
    queue_copy(stream, to.ctypes.data, values.ctypes.data, values.nbytes)


@pytest.mark.parametrize(
    "codec",
    [
        "sign",
        "quantize(bits=4)",
        "topk(density=0.01,values=float16)",
        "lowrank(rank=2,shapes=100x50+3)",
    ],
)
def test_encode_follows_what_the_stream_was_given(codec):
    x = array("normal", 5003, "float32")
    memory = np.zeros_like(x)
    queue_values(MINE, memory, x)
    assert not memory.any()  # the emulation is lazy, or this test shows nothing
    assert skimp.codec(codec).encode(Dressed(memory, MINE)) == skimp.codec(codec).encode(x)


def test_encode_waits_for_no_other_stream():
    x = array("normal", 5003, "float32")
    memory = np.zeros_like(x)
    queue_values(OTHER, memory, x)
    zeros = skimp.Sign().encode(np.zeros_like(x))
    assert skimp.Sign().encode(Dressed(memory, MINE)) == zeros
    assert skimp.Sign().encode(Dressed(memory, OTHER)) != zeros


@pytest.mark.parametrize("stream", [None, 1, 2, MINE])
def test_results_are_complete(stream):
    x = array("normal", 5003, "float32")
    payload = skimp.Sign().encode(Dressed(x, stream))
    decoded = skimp.decode(payload, like=Dressed(x, stream))
    assert same_bits(on_host(decoded, x.dtype), skimp.decode(payload, like=x))


def test_the_default_stream_has_one_name():
    """The interface says 1 for it, or nothing; CUDA itself 0."""
    x = array("normal", 100, "float32")
    for stream in (None, 1):
        memory = np.zeros_like(x)
        queue_values(0, memory, x)
        assert skimp.Sign().encode(Dressed(memory, stream)) == skimp.Sign().encode(x)


def test_a_collective_follows_what_the_stream_was_given():
    """And its result follows what the stream is given for the output before."""
    x = array("normal", 5003, "float32")

    def worker(comm):
        memory, result, stream = np.zeros_like(x), np.zeros_like(x), MINE + comm.rank
        queue_values(stream, memory, x)
        queue_values(stream, result, np.full_like(x, 7))
        comm.allreduce(Dressed(memory, stream), codec=skimp.Sign(), out=Dressed(result, stream))
        return result, comm.allreduce(x, codec=skimp.Sign())

    for result, expected in skimp.run_threads(2, worker):
        assert same_bits(result, expected)


def test_a_collective_waits_for_no_other_stream():
    x = array("normal", 5003, "float32")

    def worker(comm):
        memory = np.zeros_like(x)
        queue_values(OTHER + comm.rank, memory, x)
        first = comm.allreduce(Dressed(memory, MINE + comm.rank), codec=skimp.Sign())
        second = comm.allreduce(Dressed(memory, OTHER + comm.rank), codec=skimp.Sign())
        return on_host(first, x.dtype), on_host(second, x.dtype)

    for first, second in skimp.run_threads(2, worker):
        assert not first.any() and second.any()
