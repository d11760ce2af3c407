"""Messages of arrays on a device give the bits that they give in host memory, wherever the array of
the other end lies."""

import numpy as np
import pytest
import skimp
import skimp.testing

from tests.comparing import same_bits
from tests.cuda.emulation import (
    ON_GPU,
    ORDERS,
    Dressed,
    Stream,
    on_device,
    on_host,
    queue_copy,
    run,
    thread_order,
    use_library,
)
from tests.cuda.test_collectives import CODECS, COUNTS
from tests.cuda.worlds import WORLDS, compare
from tests.pairwise import parametrize
from tests.tables import DTYPES, SOME_DATA, array

STEPS = 2


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


def around_a_ring(codec, count, dtype, feedback, data):
    """What arrives, what is left out, and (by `compare`) what is counted at both ends."""

    def steps(comm, place):
        used = skimp.ErrorFeedback(skimp.codec(codec)) if feedback else skimp.codec(codec)
        right, left = (comm.rank + 1) % comm.world_size, (comm.rank - 1) % comm.world_size
        for step in range(STEPS):
            x = array(data, count, dtype, seed=[step, comm.rank])
            comm.send(place(x), right, codec=used)
            yield f"sent {step}", None, None
            yield f"received {step}", comm.recv(left, like=place(x)), x.dtype
            if feedback:
                yield f"residual {step}", used.residual().copy(), None

    return steps


@parametrize(
    codec=("identity", *CODECS),
    count=COUNTS,
    world_size=(2, 3),
    dtype=DTYPES,
    feedback=(True, False),
    data=SOME_DATA,
    world=tuple(WORLDS),
    order=ORDERS,
)
def test_around_a_ring(codec, count, world_size, dtype, feedback, data, world, order):
    with thread_order(order):
        compare(world, world_size, around_a_ring(codec, count, dtype, feedback, data))


@pytest.mark.parametrize("world", WORLDS)
def test_low_rank_travels_with_its_shapes_and_memory(world):
    def steps(comm, place):
        feedback = skimp.ErrorFeedback(skimp.LowRank(2))
        for step in range(3):
            x = array("normal", 600, "float32", seed=[step, comm.rank]).reshape(20, 30)
            comm.send(place(x), 1 - comm.rank, codec=feedback)
            yield f"received {step}", comm.recv(1 - comm.rank, like=place(x)), x.dtype
            yield f"residual {step}", feedback.residual().copy(), None
            yield f"memory {step}", feedback.state_dict()["memory"], None

    compare(world, 2, steps)


@pytest.mark.parametrize("world", WORLDS)
def test_buckets_tags_and_outputs(world):
    def steps(comm, place):
        x = array("normal", 120, "float32", seed=comm.rank).reshape(4, 30)
        given = {"a": place(x), "b": [place(x[0].astype(np.float16))]}
        peer = 1 - comm.rank
        for tag in (3, 1):
            comm.send(given, peer, codec=skimp.Quantize(8, block=32), tag=tag)
        comm.send(given["a"], peer)
        out = place(np.zeros_like(x))
        assert comm.recv(peer, out=out) is out
        yield "out", out, x.dtype
        for tag in (1, 3):
            got = comm.recv(peer, like=given, tag=tag)
            yield f"a of {tag}", got["a"], x.dtype
            yield f"b of {tag}", got["b"][0], np.float16

    compare(world, 2, steps)


@pytest.mark.skipif(ON_GPU, reason="about emulated streams")
def test_streams_are_honoured():
    """What they were given before comes first, at both ends; what is received is complete."""
    x, mine, other = array("normal", 5003, "float32"), 77, 99

    def worker(comm):
        memory, out, stream = np.zeros_like(x), np.zeros_like(x), mine + comm.rank
        if comm.rank == 0:
            queue_copy(stream, memory.ctypes.data, x.ctypes.data, x.nbytes)
            comm.send(Dressed(memory, other), 1)  # waits for no other stream
            comm.send(Dressed(memory, stream), 1)
            return None
        sevens = np.full_like(x, 7)
        before = comm.recv(0, like=x)
        queue_copy(stream, out.ctypes.data, sevens.ctypes.data, x.nbytes)
        comm.recv(0, out=Dressed(out, stream))
        run("skimp_cuda_wait", Stream(0, stream))
        return before, out

    before, out = skimp.run_threads(2, worker)[1]
    assert not before.any() and same_bits(out, x)


def test_a_codec_without_kernels_is_refused_before_anything_is_sent():
    x = array("normal", 100, "float32")

    def worker(comm):
        if comm.rank == 0:
            feedback = skimp.ErrorFeedback(skimp.Natural())
            with pytest.raises(skimp.UnsupportedType, match=r"natural.* no kernels.*host memory"):
                comm.send(on_device(x), 1, codec=feedback)
            assert feedback.step == 0
            comm.send(on_device(x), 1)
            return None
        return comm.recv(0, like=x)

    assert same_bits(skimp.run_threads(2, worker)[1], x)


def test_a_message_that_no_kernel_reads_can_still_be_received():
    """In host memory, in its turn."""
    x = array("normal", 100, "float32")

    def worker(comm):
        if comm.rank == 0:
            comm.send(x, 1, codec=skimp.Natural())
            comm.send(x, 1)
            return None
        with pytest.raises(skimp.UnsupportedType, match=r"rank 0 sends by natural.*host memory"):
            comm.recv(0, like=on_device(x))
        got = comm.recv(0, like=x)
        assert comm.report.bytes_received > 64
        return got, on_host(comm.recv(0, like=on_device(x)), x.dtype)

    natural, whole = skimp.run_threads(2, worker)[1]
    assert same_bits(natural, skimp.decode(skimp.Natural().encode(x))) and same_bits(whole, x)


@pytest.mark.parametrize("count", [9, 5000])
def test_damage_is_found(count):
    """In a message of one part and of two; the sender may be done before it hears of it."""
    x = array("normal", count, "float32")

    def worker(comm):
        with pytest.raises(skimp.CorruptPayload, match="from rank 0"):
            if comm.rank == 1:
                comm.recv(0, like=on_device(x))
            else:
                skimp.testing.inject_fault(comm, "corrupt")
                comm.send(on_device(x), 1, codec=skimp.Quantize(8))
                comm.barrier()

    skimp.run_threads(2, worker)


@pytest.mark.parametrize("fault", ["error", "silent"])
def test_a_send_that_fails_leaves_the_residual(fault):
    """Values and memory. A silent receiver takes nothing that is large."""
    x = array("normal", 8192, "float32").reshape(64, 128)

    def worker(comm):
        if comm.rank == 1:
            comm.recv(0, like=x)
            with pytest.raises((skimp.PeerFailed, skimp.TimeoutError)):
                comm.barrier()
            return None
        feedback = skimp.ErrorFeedback(skimp.LowRank(8))
        comm.send(on_device(x), 1, codec=feedback)
        before = feedback.state_dict()
        if fault == "error":
            skimp.testing.inject_fault(comm, "error")
        with pytest.raises((skimp.TransportError, skimp.TimeoutError)):
            comm.send(on_device(x), 1, codec=feedback)
        after = feedback.state_dict()
        return feedback.step == 1 and all(same_bits(before[name], after[name]) for name in before)

    assert skimp.run_threads(2, worker, timeout=0.5)[0]
