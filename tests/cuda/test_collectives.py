"""Collectives of arrays on a device give the bits that they give in host memory, on every rank and
in the residuals, also where some ranks' arrays lie on a device and others' do not."""

import subprocess
import sys

import numpy as np
import pytest
import skimp
import skimp.testing

from tests.comparing import same_bits
from tests.cuda.emulation import (
    ON_GPU,
    ORDERS,
    Dressed,
    on_device,
    on_host,
    thread_order,
    use_library,
)
from tests.cuda.worlds import WORLDS, compare
from tests.mpi import launch
from tests.pairwise import parametrize
from tests.tables import DTYPES, SOME_DATA, array

CODECS = (
    "sign",
    "sign(block=32)",
    "quantize(bits=8)",
    "quantize(bits=4,block=32)",
    "quantize(bits=3,block=64,rounding=stochastic,seed=5)",
    "quantize(bits=2,block=96)",
    "topk(density=0.05)",
    "topk(density=0.3,values=float16)",
)
STEPS = 2
COUNTS = (0, 1, 5, 33, 257, 1000, 5003, 20_000)


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


def steps_of_two_phase(codec, data, count, dtype, op="mean", feedback=True, back=None, **options):
    """Steps of allreduce, and the residual after each."""

    def steps(comm, place):
        used = skimp.ErrorFeedback(skimp.codec(codec)) if feedback else skimp.codec(codec)
        down = None if back is None else skimp.codec(back)
        # Of few elements top-k would leave out whole shards, and is gathered instead.
        algorithm = None if codec.startswith("topk") else "two_phase"
        for step in range(STEPS):
            x = array(data, count, dtype, seed=[step, comm.rank])
            result = comm.allreduce(
                place(x), codec=used, broadcast_codec=down, op=op, algorithm=algorithm, **options
            )
            yield f"step {step}", result, x.dtype
            if feedback:
                yield f"residual {step}", used.residual().copy(), None

    return steps


@parametrize(
    codec=CODECS,
    data=SOME_DATA,
    count=COUNTS,
    world_size=range(1, 7),
    dtype=DTYPES,
    op=("mean", "sum"),
    feedback=(True, False),
    world=tuple(WORLDS),
    order=ORDERS,
)
def test_two_phase(codec, data, count, world_size, dtype, op, feedback, world, order):
    with thread_order(order):
        compare(world, world_size, steps_of_two_phase(codec, data, count, dtype, op, feedback))


def steps_of_algorithm(codec, algorithm, count, dtype, op, feedback, data):
    if algorithm.startswith("dense") and codec != "identity":
        algorithm = "gather"

    def steps(comm, place):
        comm.set_nodes([rank // 2 for rank in range(comm.world_size)])
        used = skimp.ErrorFeedback(skimp.codec(codec)) if feedback else skimp.codec(codec)
        for step in range(STEPS):
            x = array(data, count, dtype, seed=[step, comm.rank])
            result = comm.allreduce(place(x), codec=used, op=op, algorithm=algorithm)
            yield f"step {step}", result, x.dtype
            if feedback:
                yield f"residual {step}", used.residual().copy(), None

    return steps


@parametrize(
    codec=("identity", *CODECS),
    algorithm=("dense_direct", "dense_ring", "gather", "two_phase", "hierarchical"),
    count=COUNTS,
    world_size=range(1, 7),
    dtype=DTYPES,
    op=("mean", "sum"),
    feedback=(True, False),
    data=SOME_DATA,
    world=tuple(WORLDS),
    segment=(None, 64, 1000),
)
def test_algorithms(codec, algorithm, count, world_size, dtype, op, feedback, data, world, segment):
    steps = steps_of_algorithm(codec, algorithm, count, dtype, op, feedback, data)
    compare(world, world_size, steps, segment)


@parametrize(
    codec=("identity", *CODECS),
    count=(0, 1, 40, 700),
    world_size=range(1, 7),
    dtype=DTYPES,
    feedback=(True, False),
    data=SOME_DATA,
    world=tuple(WORLDS),
    segment=(None, 64),
)
def test_sisters(codec, count, world_size, dtype, feedback, data, world, segment):
    compare(world, world_size, steps_of_sisters(codec, count, dtype, feedback, data), segment)


def steps_of_sisters(codec, count, dtype, feedback, data):
    """The other collectives; each with a residual of its own."""

    def steps(comm, place):
        world_size = comm.world_size
        used = skimp.ErrorFeedback(skimp.codec(codec)) if feedback else skimp.codec(codec)

        def options(key):
            return {"codec": used, "key": key} if feedback else {"codec": used}

        for step in range(STEPS):
            x = array(data, count * world_size, dtype, seed=[step, comm.rank])
            root = step % world_size
            for name, result in (
                ("reduce_scatter", comm.reduce_scatter(place(x), **options("reduce"))),
                ("allgather", comm.allgather(place(x), **options("gather"))),
                ("broadcast", comm.broadcast(place(x), root, **options("broadcast"))),
                ("alltoall", comm.alltoall(place(x), **options("alltoall"))),
            ):
                yield f"{name} {step}", result, x.dtype
            for key in ("reduce", "gather", "broadcast", "alltoall") if feedback else ():
                yield f"residual of {key} {step}", used.residual(key).copy(), None

    return steps


@parametrize(dtype=DTYPES, feedback=(True, False), world=tuple(WORLDS))
def test_alltoall_in_place(dtype, feedback, world):
    def steps(comm, place):
        x = place(array("normal", 600, dtype, seed=comm.rank))
        used = skimp.ErrorFeedback(skimp.Sign(block=32)) if feedback else skimp.Sign(block=32)
        assert comm.alltoall(x, codec=used, out=x) is x
        yield "alltoall", x, array("normal", 0, dtype).dtype

    compare(world, 3, steps)


@parametrize(
    codec=CODECS[1:4], back=CODECS[1:4], dtype=DTYPES, world=tuple(WORLDS), segment=(32, 96, 1000)
)
def test_segments(codec, back, dtype, world, segment):
    """More of them than the host queues before it waits, and than there are words to report in."""
    compare(world, 3, steps_of_two_phase(codec, "normal", 30_000, dtype, back=back), segment)


@parametrize(
    nonfinite=("raise", "skip"),
    data=("normal", "with_nonfinite"),
    world=tuple(WORLDS),
    world_size=(1, 3),
)
def test_what_is_not_finite(nonfinite, data, world, world_size):
    """Every rank hears of it, whose values are wherever; nothing is written."""

    def steps(comm, place):
        feedback = skimp.ErrorFeedback(skimp.Quantize(4))
        x = array(data if comm.rank == 0 else "normal", 500, "float32", seed=comm.rank)
        for _ in range(2):
            try:
                result = comm.allreduce(place(x), codec=feedback, nonfinite=nonfinite)
            except skimp.NonFiniteError as error:
                result = np.frombuffer(str(error).encode(), np.uint8)
            yield "result", result, x.dtype
            yield "residual", feedback.residual().copy(), None

    compare(world, world_size, steps)


@parametrize(dtype=DTYPES, in_place=(True, False), feedback=(True, False))
def test_output(dtype, in_place, feedback):
    """A new array of the input's kind, one that is given, or the input itself."""

    def steps(comm, place):
        x = array("normal", 700, dtype, seed=comm.rank).reshape(7, 100)
        used = skimp.ErrorFeedback(skimp.Sign(block=32), in_place=in_place)
        codec = used if feedback else skimp.Sign(block=32)
        given, out = place(x), place(np.zeros_like(x))
        yield "new", comm.allreduce(given, codec=codec), x.dtype
        assert comm.allreduce(given, codec=codec, out=out) is out
        yield "out", out, x.dtype
        yield "input", given, x.dtype
        assert comm.allreduce(given, codec=codec, out=given) is given
        yield "out=x", given, x.dtype

    compare("all", 3, steps)


@pytest.mark.parametrize("world", WORLDS)
def test_plan(world):
    def steps(comm, place):
        x = array("normal", 3000, "float32", seed=comm.rank)
        feedback = skimp.ErrorFeedback(skimp.Quantize(4))
        plan = comm.plan_allreduce(like=place(x), codec=feedback)
        out = place(x)
        for _ in range(3):
            yield "plan", plan.run(place(x)), x.dtype
            assert plan.run(place(x), out=out) is out
            yield "out", out, x.dtype
        yield "residual", feedback.residual().copy(), None

    compare(world, 3, steps)


def test_a_plan_is_for_one_place():
    x = array("normal", 100, "float32")

    def worker(comm):
        here = comm.plan_allreduce(like=x, codec=skimp.Sign())
        there = comm.plan_allreduce(like=on_device(x), codec=skimp.Sign())
        with pytest.raises(skimp.InvalidArgument, match=r"in host memory, got one on device 0"):
            here.run(on_device(x))
        with pytest.raises(skimp.InvalidArgument, match=r"on device 0, got one in host memory"):
            there.run(x)

    skimp.run_threads(1, worker)


def test_a_residual_follows_its_array():
    """Saved and loaded, or moved on purpose: what is left out is the same."""

    def steps(comm, place):
        x = array("normal", 1000, "float32", seed=comm.rank)
        feedback = skimp.ErrorFeedback(skimp.Sign(block=64))
        yield "first", comm.allreduce(place(x), codec=feedback), x.dtype
        loaded = skimp.ErrorFeedback(skimp.Sign(block=64))
        loaded.load_state_dict(feedback.state_dict())
        yield "loaded", comm.allreduce(place(x), codec=loaded), x.dtype
        yield "back on the host", comm.allreduce(x, codec=feedback), x.dtype
        yield "there again", comm.allreduce(place(x), codec=feedback), x.dtype
        feedback.rescale(0.5)
        yield "residual", feedback.residual().copy(), None

    compare("all", 2, steps)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"codec": skimp.BlockTopK(0.1)}, "no kernels"),
        ({"codec": skimp.Float()}, "no kernels"),
        ({"codec": skimp.RandomK(k=3)}, "random_k.* no kernels"),
        (
            {"codec": skimp.Threshold(0.1), "algorithm": "sparse_doubling"},
            "threshold.* no kernels",
        ),
        ({"codec": skimp.Sign(), "broadcast_codec": skimp.Natural()}, "natural.* no kernels"),
    ],
)
def test_refused_before_anything_is_sent(arguments, says):
    """So that the communicator stays usable."""
    x = array("normal", 100, "float32")

    def worker(comm):
        with pytest.raises(skimp.UnsupportedType, match=says) as refusal:
            comm.allreduce(on_device(x), **arguments)
        assert "copy the array to host memory" in str(refusal.value)
        return on_host(comm.allreduce(on_device(x), codec=skimp.Sign()), x.dtype)

    first, second = skimp.run_threads(2, worker)
    assert same_bits(first, second)


@pytest.mark.skipif(ON_GPU, reason="numpy memory as a device's")
def test_wrong_outputs():
    memory = np.zeros(200, np.float32)
    x = Dressed(memory[:100])
    wrong = {
        "in host memory": memory[100:],
        "needs float32": Dressed(memory[100:199]),
        "overlaps x in part": Dressed(memory[50:150]),
    }

    def worker(comm):
        for says, out in wrong.items():
            with pytest.raises(skimp.InvalidArgument, match=says):
                comm.allreduce(x, codec=skimp.Sign(), out=out)

    skimp.run_threads(1, worker)


@pytest.mark.parametrize("fault", ["corrupt", "truncate"])
@pytest.mark.parametrize("sender", [0, 1])
def test_damage_is_found(fault, sender):
    """As in host memory; the residual is what it was."""
    x = array("normal", 5000, "float32")

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Quantize(8))
        comm.allreduce(on_device(x), codec=feedback)
        before = feedback.residual().copy()
        if comm.rank == sender:
            skimp.testing.inject_fault(comm, fault)
        with pytest.raises(skimp.CorruptPayload, match=f"from rank {sender}"):
            comm.allreduce(on_device(x), codec=feedback)
            comm.barrier()
        return same_bits(feedback.residual(), before), feedback.step

    for unchanged, step in skimp.run_threads(2, worker):
        assert unchanged == (step == 1)


@pytest.mark.parametrize("world_size", [2, 4])
def test_over_mpi(world_size):
    launch.run(world_size, "devices")


@pytest.mark.skipif(ON_GPU, reason="needs an MPI that takes addresses on devices")
@pytest.mark.parametrize("world_size", [2, 3])
def test_over_mpi_that_takes_device_pointers(world_size, monkeypatch):
    """The emulated device's memory is open to it; payloads of all sizes go from and to there."""
    monkeypatch.setenv("SKIMP_EMULATION_OPEN", "1")
    launch.run(world_size, "devices", "direct")


@pytest.mark.skipif(ON_GPU, reason="about the emulation")
def test_host_code_that_touches_device_memory_crashes():
    """Or the other tests here would not show that none does."""
    program = (
        "import ctypes, numpy as np\n"
        "from tests.cuda.emulation import on_device, on_host, use_library\n"
        "use_library()\n"
        "x = on_device(np.ones(100, np.float32))\n"
        "assert on_host(x, x.dtype).all()\n"
        "print('about to', flush=True)\n"
        "ctypes.string_at(x.address, 4)\n"
        "print('unharmed')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode < 0 and done.stdout == "about to\n"
