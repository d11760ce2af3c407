"""sparse_doubling and sparse_balanced: the host merges what devices have selected, to the bits, the
bytes and the errors of arrays in host memory."""

from functools import partial

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
    queue_copy,
    thread_order,
    use_library,
)
from tests.cuda.worlds import WORLDS, compare
from tests.pairwise import parametrize
from tests.tables import DTYPES, SOME_DATA, array

ALGORITHMS = ("sparse_doubling", "sparse_balanced")
# Of the last, sums of some ranks become dense.
CODECS = (
    "topk(density=0.02)",
    "topk(density=0.05,values=bfloat16)",
    "topk(density=0.4,values=float16)",
)


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


@parametrize(
    codec=CODECS,
    algorithm=ALGORITHMS,
    data=SOME_DATA,
    count=(0, 1, 5, 33, 1000, 5003),
    world_size=range(1, 10),
    dtype=DTYPES,
    op=("mean", "sum"),
    feedback=(None, False, True),
    world=tuple(WORLDS),
    order=ORDERS,
)
def test_allreduce(codec, algorithm, data, count, world_size, dtype, op, feedback, world, order):
    """`feedback`: none, or whether in place."""

    def steps(comm, place):
        used = skimp.codec(codec)
        if feedback is not None:
            used = skimp.ErrorFeedback(used, in_place=feedback)
        for step in range(2):
            x = array(data, count, dtype, seed=[step, comm.rank])
            result = comm.allreduce(place(x), codec=used, algorithm=algorithm, op=op)
            yield f"step {step}", result, x.dtype
            if feedback is not None:
                yield f"residual {step}", used.residual().copy(), None

    with thread_order(order):
        compare(world, world_size, steps)


@parametrize(algorithm=ALGORITHMS, world=tuple(WORLDS), nonfinite=("propagate", "skip"))
def test_plans_whose_sizes_change(algorithm, world, nonfinite):
    """Sums of more elements than before, of all of them, and steps that are left out."""

    def steps(comm, place):
        feedback = skimp.ErrorFeedback(skimp.TopK(k=150))
        like = array("normal", 1000, "float16")
        plan = comm.plan_allreduce(
            like=place(like), codec=feedback, algorithm=algorithm, nonfinite=nonfinite
        )
        out = place(like)
        for step, data in enumerate(("ties", "normal", "with_nonfinite", "mostly_zero", "normal")):
            x = array(data, 1000, "float16", seed=[step, comm.rank])
            result = plan.run(place(x), out=out)
            skips = nonfinite == "skip" and data == "with_nonfinite"
            assert result is (None if skips else out)
            yield f"step {step}", out, x.dtype
            yield f"residual {step}", feedback.residual().copy(), None

    compare(world, 5, steps)


@pytest.mark.parametrize("sender", [0, 2])
@pytest.mark.parametrize("fault", ["corrupt", "truncate"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_damage_is_found(algorithm, fault, sender):
    """By the rank that it is sent to, and all hear who sent it; no residual has changed there."""
    x = array("normal", 5000, "float32")

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.TopK(density=0.3))
        allreduce = partial(comm.allreduce, codec=feedback, algorithm=algorithm)
        allreduce(on_device(x))
        before = feedback.residual().copy()
        if comm.rank == sender:
            skimp.testing.inject_fault(comm, fault)
        with pytest.raises(skimp.CorruptPayload, match=f"from rank {sender}"):
            allreduce(on_device(x))
            comm.barrier()
        return same_bits(feedback.residual(), before), feedback.step

    for unchanged, step in skimp.run_threads(3, worker):
        assert unchanged == (step == 1)


@pytest.mark.skipif(ON_GPU, reason="about emulated streams")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_stream_of_the_array(algorithm):
    """What it was given before comes first, for the input as for the output; no other is waited
    for, and the result is complete."""
    x = array("normal", 5003, "float32")
    sparse = {"codec": skimp.TopK(0.05), "algorithm": algorithm}

    def worker(comm):
        mine, other = 80 + comm.rank, 90 + comm.rank
        memory, result, late = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
        sevens = np.full_like(x, 7)
        for stream, to, values in ((mine, memory, x), (mine, result, sevens), (other, late, x)):
            queue_copy(stream, to.ctypes.data, values.ctypes.data, x.nbytes)
        comm.allreduce(Dressed(memory, mine), out=Dressed(result, mine), **sparse)
        early = np.ones_like(x)
        comm.allreduce(Dressed(late, mine), out=Dressed(early, mine), **sparse)
        return result, early, comm.allreduce(x, **sparse)

    for result, early, expected in skimp.run_threads(2, worker):
        assert same_bits(result, expected)
        assert not early.any()
