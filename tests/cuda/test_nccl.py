"""Payloads by NCCL: the bits that they have in host memory, and an error on every rank, with its
first cause and in time, where something goes wrong. NCCL is a stand-in (nccl.cc) that lets nothing
pass which the real one might choke on."""

import ctypes
import gc
import os
import subprocess
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import skimp
from skimp.info import info

from tests.comparing import same_bits
from tests.cuda.emulation import (
    INCLUDES,
    ON_GPU,
    ORDERS,
    on_device,
    on_host,
    thread_order,
    use_library,
    use_nccl,
)
from tests.cuda.test_collectives import (
    CODECS,
    steps_of_algorithm,
    steps_of_sisters,
    steps_of_two_phase,
)
from tests.cuda.test_messages import around_a_ring
from tests.cuda.test_nvcc import NVCC
from tests.cuda.worlds import compare
from tests.pairwise import parametrize
from tests.tables import DTYPES, array

pytestmark = pytest.mark.skipif(ON_GPU, reason="NCCL wants a GPU for each rank")

# The codecs are tested with all sorts of data elsewhere: here it is who sends what to whom.
SOME_CODECS = ("identity", *CODECS[1:6:2], "topk(density=0.05)")
DATA = ("normal", "mostly_zero", "with_nonfinite")
WORLD_SIZES = (1, 2, 3, 4, 6, 9)
STEPS = 3

join = partial(skimp.nccl, device=0)


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()
    use_nccl()
    yield
    gc.collect()
    assert ctypes.CDLL(os.environ["SKIMP_NCCL_LIBRARY"]).skimp_standin_alive() == 0


@pytest.fixture
def fault(monkeypatch):
    return lambda *what: monkeypatch.setenv("SKIMP_NCCL_FAULT", ":".join(map(str, what)))


def mine(comm, x):
    """On this rank's device, whose work is in a stream of its own."""
    return on_device(x, stream=2000 + comm.rank)


@parametrize(
    codec=SOME_CODECS,
    algorithm=("dense_direct", "dense_ring", "gather", "two_phase", "hierarchical"),
    count=(0, 5, 257, 5003),
    world_size=WORLD_SIZES,
    dtype=DTYPES,
    op=("mean", "sum"),
    feedback=(True, False),
    data=DATA,
    segment=(None, 64, 1000),
    order=ORDERS,
)
def test_algorithms(codec, algorithm, count, world_size, dtype, op, feedback, data, segment, order):
    steps = steps_of_algorithm(codec, algorithm, count, dtype, op, feedback, data)
    with thread_order(order):
        compare("all", world_size, steps, segment, join)


@parametrize(
    codec=SOME_CODECS,
    count=(0, 1, 40, 700),
    world_size=WORLD_SIZES,
    dtype=DTYPES,
    feedback=(True, False),
    data=DATA,
    segment=(None, 64),
)
def test_sisters(codec, count, world_size, dtype, feedback, data, segment):
    steps = steps_of_sisters(codec, count, dtype, feedback, data)
    compare("all", world_size, steps, segment, join)


@pytest.mark.parametrize("world", ["all", "mixed"])
@pytest.mark.parametrize("algorithm", ["sparse_doubling", "sparse_balanced"])
def test_rows_that_read_payloads(algorithm, world):
    """By way of the host, so arrays may lie anywhere; and NCCL goes on with other rows after."""

    def steps(comm, place):
        feedback = skimp.ErrorFeedback(skimp.TopK(density=0.05))
        x = array("normal", 5003, "float32", seed=comm.rank)
        for _ in range(2):
            yield "sparse", comm.allreduce(place(x), codec=feedback, algorithm=algorithm), x.dtype
            yield "residual", feedback.residual().copy(), None
        if world == "all":
            yield "two_phase", comm.allreduce(place(x), codec=skimp.Sign()), x.dtype

    compare(world, 3, steps, join=join)


@pytest.mark.parametrize("dtype", DTYPES[:2])
@pytest.mark.parametrize("world_size", WORLD_SIZES[1:-1])
def test_other_rows_and_feedback(world_size, dtype):
    """Linear, robust and gossip, and variants of feedback."""

    def steps(comm, place):
        x = array("normal", 1200, dtype, seed=comm.rank).reshape(30, 40)
        for codec in (
            skimp.ErrorFeedback(skimp.LowRank(2)),
            skimp.EF21(skimp.Sign(block=32)),
            skimp.MomentumCorrection(skimp.Quantize(4, block=64), momentum=0.9, clip=1.0),
        ):
            for _ in range(STEPS):
                yield f"{codec}", comm.allreduce(place(x), codec=codec), x.dtype
        for op in ("median", "trimmed_mean", "vote"):
            for codec in (skimp.Identity(), skimp.Sign(block=32)):
                result = comm.allreduce(place(x), codec=codec, op=op, algorithm="two_phase")
                yield f"{op} {codec}", result, x.dtype
        for codec in (skimp.Identity(), skimp.Quantize(4, block=64), skimp.LowRank(2)):
            gossip = skimp.Gossip(codec, graph="ring", step_size=0.5)
            given = place(x)
            for _ in range(STEPS):
                given = comm.mix(given, gossip)
                yield f"mix {codec}", given, x.dtype

    compare("all", world_size, steps, join=join)


@pytest.mark.parametrize("nonfinite", ["propagate", "raise"])
def test_what_is_not_finite(nonfinite):
    steps = steps_of_two_phase("sign", "with_nonfinite", 500, "float32")

    def careful(comm, place):
        for _ in range(2):
            try:
                yield from steps(comm, place)
            except skimp.NonFiniteError as error:
                yield "error", np.frombuffer(str(error).encode(), np.uint8), np.uint8

    compare("all", 3, careful, join=join)


def test_parts():
    def steps(comm, place):
        part = comm.split(color=comm.rank % 2, key=-comm.rank)
        for each in (part, comm, part):
            x = array("normal", 1000, "float32", seed=comm.rank)
            yield "sum", each.allreduce(place(x), codec=skimp.Sign(block=32)), x.dtype

    compare("all", 5, steps, join=join)


@pytest.mark.parametrize("world", ["all", "mixed"])
def test_messages_go_by_the_transport(world):
    """So one end may be in host memory, between collectives whose payloads go by NCCL."""

    def steps(comm, place):
        yield from around_a_ring("sign(block=32)", 5003, "float32", True, "normal")(comm, place)
        x = array("normal", 500, "float32", seed=comm.rank)
        given = mine(comm, x) if comm.transport == "nccl" else x
        yield "mean", comm.allreduce(given, codec=skimp.Sign(block=32)), x.dtype

    compare(world, 3, steps, join=join)


def test_without_mpi(tmp_path):
    """Ranks that a file has brought together; what they fail of reaches them by TCP."""

    def over_tcp(comm):
        return join(skimp.tcp(file=tmp_path / "ranks", rank=comm.rank, world_size=comm.world_size))

    compare("all", 3, steps_of_two_phase("sign", "normal", 5003, "float32"), None, over_tcp)

    def worker(comm):
        link = over_tcp(comm)
        codec = skimp.Sign() if link.rank == 1 else skimp.Quantize(8)
        with pytest.raises(skimp.MismatchError, match="rank 1"):
            link.allreduce(mine(link, array("normal", 500, "float32", 1)), codec=codec)

    skimp.run_threads(3, worker)


def test_what_a_communicator_says():
    def worker(comm):
        link = skimp.nccl(comm, device=0)
        assert (link.transport, comm.transport) == ("nccl", "threads")
        assert (link.rank, link.world_size) == (comm.rank, comm.world_size)
        here = array("normal", 3000, "float32", seed=comm.rank)
        there = mine(comm, here)
        results = link.allreduce(here), on_host(link.allreduce(there), here.dtype)
        link.close()
        with pytest.raises(skimp.ClosedError):
            link.allreduce(there)
        return *results, comm.allreduce(here)

    for results in skimp.run_threads(3, worker):
        assert all(same_bits(results[0], result) for result in results)


def failing(world_size, body, timeout=1.0):
    """What `body(link, x)` raises on each rank, by rank, and that it does so in time. Afterwards
    the communicator raises it again."""

    def worker(comm):
        comm.set_timeout(timeout)
        x = mine(comm, array("normal", 5000, "float32", seed=comm.rank))
        begin = time.monotonic()
        with pytest.raises(skimp.Error) as error:
            link = skimp.nccl(comm, device=0)
            body(link, x)
        assert time.monotonic() - begin < timeout + 20
        if "link" in locals():
            with pytest.raises(skimp.Error, match=r"earlier call|closed"):
                link.allreduce(x, codec=skimp.Sign())
        return error.value

    return skimp.run_threads(world_size, worker)


def two_steps(link, x):
    feedback = skimp.ErrorFeedback(skimp.Sign())
    for _ in range(2):
        link.allreduce(x, codec=feedback)
    link.barrier()


@pytest.mark.parametrize("group", range(4))
@pytest.mark.parametrize("world_size", [2, 3])
def test_damage_is_found(fault, group, world_size):
    """Whoever receives it says so, and every rank hears of it; no residual has changed there."""
    fault("corrupt", 0, group)
    errors = failing(world_size, two_steps)
    assert isinstance(errors[0], skimp.CorruptPayload)
    assert "payload sum" in str(errors[0])
    assert all("payload sum" in str(error) for error in errors[1:])


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("kind", ["error", "remote"])
@pytest.mark.parametrize("group", [0, 1, 3])
def test_errors_of_nccl(fault, kind, rank, group):
    fault(kind, rank, group)
    errors = failing(3, two_steps)
    assert isinstance(errors[rank], skimp.TransportError)
    assert "NCCL: rank" in str(errors[rank])
    assert all(f"NCCL: rank {rank}" in str(error) for error in errors)


@pytest.mark.parametrize("group", [0, 1])
def test_silence(fault, group):
    """Of a device: the host of that rank is well, and waits with the others."""
    fault("stall", 1, group)
    errors = failing(3, two_steps, timeout=0.5)
    assert any(isinstance(error, skimp.TimeoutError) for error in errors)
    assert all("did not answer" in str(error) for error in errors)


def test_a_rank_that_cannot_join(fault):
    fault("init", 1, 0)
    errors = failing(3, two_steps)
    assert all("NCCL: rank 1: ncclCommInitRankConfig" in str(error) for error in errors)


def test_a_rank_that_does_not_join():
    def worker(comm):
        comm.set_timeout(0.5)
        if comm.rank == 1:
            return None
        with pytest.raises(skimp.TimeoutError, match="rank 1 did not answer"):
            skimp.nccl(comm, device=0)

    skimp.run_threads(2, worker)


def test_a_rank_that_calls_something_else():
    """Nothing was queued for a device to wait for."""

    def body(link, x):
        codec = skimp.Sign() if link.rank == 1 else skimp.Quantize(8)
        link.allreduce(x, codec=codec)

    assert all(isinstance(error, skimp.MismatchError) for error in failing(3, body))


def test_a_rank_whose_array_is_in_host_memory():
    def body(link, x):
        link.allreduce(x.read() if link.rank == 0 else x, codec=skimp.Sign())

    errors = failing(2, body)
    assert all(isinstance(error, skimp.MismatchError) for error in errors), errors
    assert all("payloads = devices" in str(error) for error in errors), errors


def test_a_rank_that_leaves():
    """The others wait for it in a stream, or are about to."""

    def body(link, x):
        link.allreduce(x, codec=skimp.Sign())
        if link.rank == 2:
            link._native.close("enough")
            link.barrier()
        link.allreduce(x, codec=skimp.Sign())

    errors = failing(3, body)
    assert all("enough" in str(error) for error in errors[:2])


def test_another_device():
    def worker(comm):
        with pytest.raises(skimp.InvalidArgument, match="device = -1 is negative"):
            skimp.nccl(comm, device=-1)

    skimp.run_threads(1, worker)


def test_no_library(monkeypatch):
    monkeypatch.setenv("SKIMP_NCCL_LIBRARY", "/nowhere/libnccl.so")
    assert info()["nccl"].startswith("not used: nccl: /nowhere/libnccl.so")

    def worker(comm):
        with pytest.raises(skimp.TransportError, match="nowhere"):
            skimp.nccl(comm, device=0)

    skimp.run_threads(1, worker)


def test_the_part_of_nccl_h_that_is_declared():
    folders = ["/usr/include", "/usr/local/cuda/include"]
    try:
        package = find_spec("nvidia.nccl")
        folders += [f"{path}/include" for path in package.submodule_search_locations]
    except (ModuleNotFoundError, AttributeError):
        pass
    found = [folder for folder in folders if Path(folder, "nccl.h").exists()]
    if not found or NVCC is None:
        pytest.skip("no nccl.h, or no nvcc, which has the headers that it includes")
    source = Path(__file__).with_name("nccl_header.cc")
    flags = ["-std=c++20", "-c", *INCLUDES, f"-I{found[-1]}", "-o", os.devnull]
    done = subprocess.run([NVCC, *flags, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_info():
    assert info()["nccl"].startswith("2.14.0, ")
