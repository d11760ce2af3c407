"""median, trimmed_mean and vote on a device: the bits of host memory, and the oracle's for more
ranks than tests have."""

import ctypes

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.cuda.emulation import ON_GPU, ORDERS, Stream, run, thread_order, use_library
from tests.cuda.worlds import WORLDS, compare
from tests.oracle import robust as model
from tests.pairwise import parametrize
from tests.tables import DTYPES, SOME_DATA, array

CODECS = ("identity", "sign(block=32)", "quantize(bits=8)", "quantize(bits=3,block=96)")
REDUCTIONS = ("median", "vote", "trimmed_mean", "trimmed_mean 1")


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


def options_of(reduction, world_size):
    op, _, trim = reduction.partition(" ")
    return {"op": op, "trim": int(trim) if trim and world_size > 2 else None}


@parametrize(
    codec=CODECS,
    reduction=REDUCTIONS,
    data=SOME_DATA,
    count=(0, 1, 33, 1000, 5003),
    world_size=(1, 2, 3, 4, 5, 6, 7, 9),
    dtype=DTYPES,
    feedback=(True, False),
    segment=(None, 512),
    world=tuple(WORLDS),
    order=ORDERS,
)
def test_allreduce(
    codec, reduction, data, count, world_size, dtype, feedback, segment, world, order
):
    options = options_of(reduction, world_size)

    def steps(comm, place):
        used = skimp.ErrorFeedback(skimp.codec(codec)) if feedback else skimp.codec(codec)
        for step in range(2):
            x = array(data, count, dtype, seed=[step, comm.rank])
            yield f"step {step}", comm.allreduce(place(x), codec=used, **options), x.dtype
            if feedback:
                yield f"residual {step}", used.residual().copy(), None

    with thread_order(order):
        compare(world, world_size, steps, segment)


@parametrize(
    codec=CODECS, reduction=REDUCTIONS, world_size=(1, 3, 4), dtype=DTYPES, world=tuple(WORLDS)
)
def test_reduce_scatter(codec, reduction, world_size, dtype, world):
    options = options_of(reduction, world_size)

    def steps(comm, place):
        feedback = skimp.ErrorFeedback(skimp.codec(codec))
        x = array("with_nonfinite", 84 * world_size, dtype, seed=comm.rank)
        wide = oracle.accumulator(x.dtype)
        kept = array("normal", x.size, wide.name, seed=9 + comm.rank)
        feedback.load_state_dict({"residual": kept, "step": np.array(3, np.uint64)})
        yield "result", comm.reduce_scatter(place(x), codec=feedback, **options), x.dtype
        yield "residual", feedback.residual().copy(), None

    compare(world, world_size, steps)


class Rows(ctypes.Structure):
    """SkimpRankRows."""

    _fields_ = (
        ("values", ctypes.c_void_p),
        ("dtype", ctypes.c_uint8),
        ("stride", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("ranks", ctypes.c_int),
    )


@pytest.mark.skipif(ON_GPU, reason="numpy memory as a device's")
@parametrize(
    op=model.ROBUST,
    ranks=(1, 2, 31, 64, 97, 192, 193, 384, 385, 1000),
    dtype=("float32", "float64"),
    data=SOME_DATA,
    count=(1, 31, 100),
    order=ORDERS,
)
def test_many_ranks(op, ranks, dtype, data, count, order):
    """Also more than shared memory has room for."""
    rows = [array(data, count, dtype, seed=rank) for rank in range(ranks)]
    memory = np.zeros((ranks, count + 3), dtype)
    memory[:, :count] = rows
    code = {"float32": 1, "float64": 4}[dtype]
    job = Rows(memory.ctypes.data, code, count + 3, count, ranks)
    trim = {"median": (ranks - 1) // 2, "trimmed_mean": ranks // 4}.get(op)
    with thread_order(order):
        if op == "vote":
            run("skimp_cuda_vote", Stream(), ctypes.byref(job))
        else:
            run("skimp_cuda_trimmed_mean", Stream(), ctypes.byref(job), ctypes.c_int(trim))
        run("skimp_cuda_wait", Stream())
    expected = model.reduce(op, trim, rows)
    # Which NaN a sum of opposite infinities is, the processor decides; codecs write but one.
    result = np.where(np.isnan(memory[0, :count]), np.nan, memory[0, :count])
    assert same_bits(result, np.where(np.isnan(expected), np.nan, expected))
    assert not memory[:, count:].any()
