"""Rounds of dense sums on a device: low rank's results, residuals and memories are those of host
memory, also where some ranks' arrays lie on a device and others' do not."""

import numpy as np
import pytest
import skimp
import skimp.testing

from tests import oracle
from tests.comparing import same_bits
from tests.cuda.emulation import ORDERS, on_device, on_host, thread_order, use_library
from tests.cuda.worlds import WORLDS, compare
from tests.pairwise import parametrize
from tests.tables import DTYPES, SOME_DATA, array

SHAPES = ("0", "5", "3x2+1", "31x33", "7+20x40+0+9x70+1x5+6", "130x20", "600x9+9x40")
STEPS = 3


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


def count_of(shapes):
    return oracle.LowRank(shapes=shapes).pieces()[-1].end


@parametrize(
    shapes=SHAPES,
    rank=(1, 2, 4),
    world_size=range(1, 7),
    dtype=DTYPES,
    data=SOME_DATA,
    warm=("yes", "no"),
    op=("mean", "sum"),
    in_place=(True, False),
    world=tuple(WORLDS),
    segment=(None, 64),
    order=ORDERS,
)
def test_linear(shapes, rank, world_size, dtype, data, warm, op, in_place, world, segment, order):
    codec = skimp.codec(f"lowrank(rank={rank},warm_start={warm},shapes={shapes})")

    def steps(comm, place):
        feedback = skimp.ErrorFeedback(codec, in_place=in_place)
        for step in range(STEPS):
            x = array(data, count_of(shapes), dtype, seed=[step, comm.rank])
            yield f"step {step}", comm.allreduce(place(x), codec=feedback, op=op), x.dtype
            yield f"residual {step}", feedback.residual().copy(), None
            memory = feedback.state_dict().get("memory", np.empty(0))
            yield f"memory {step}", memory, None
        without = comm.allreduce(place(x), codec=codec, op=op)
        yield "without feedback", without, x.dtype

    with thread_order(order):
        compare(world, world_size, steps, segment)


@parametrize(
    call=("allgather", "broadcast", "gather"),
    feedback=(True, False),
    dtype=DTYPES,
    world=tuple(WORLDS),
    world_size=(1, 2, 4),
)
def test_frames_travel_too(call, feedback, dtype, world, world_size):
    codec = skimp.codec("lowrank(rank=2,shapes=20x30+7)")

    def steps(comm, place):
        used = skimp.ErrorFeedback(codec) if feedback else codec
        for step in range(STEPS):
            x = array("normal", 607, dtype, seed=[step, comm.rank])
            if call == "allgather":
                result = comm.allgather(place(x), codec=used)
            elif call == "broadcast":
                result = comm.broadcast(place(x), world_size - 1, codec=used)
            else:
                result = comm.allreduce(place(x), codec=used, algorithm="gather")
            yield f"step {step}", result, x.dtype
            if feedback:
                state = used.state_dict()
                yield f"residual {step}", used.residual().copy(), None
                yield f"memory {step}", state.get("memory", np.empty(0)), None

    compare(world, world_size, steps)


@pytest.mark.parametrize("nonfinite", ["raise", "skip"])
@pytest.mark.parametrize("world", WORLDS)
def test_what_is_not_finite(nonfinite, world):
    def steps(comm, place):
        feedback = skimp.ErrorFeedback(skimp.LowRank(2))
        for data in ("normal", "with_nonfinite", "normal"):
            x = array(data if comm.rank == 0 else "normal", 600, "float32").reshape(20, 30)
            try:
                result = comm.allreduce(place(x), codec=feedback, nonfinite=nonfinite)
            except skimp.NonFiniteError as error:
                result = np.frombuffer(str(error).encode(), np.uint8)
            yield "result", result, x.dtype
            yield "residual", feedback.residual().copy(), None
            yield "memory", feedback.state_dict()["memory"], None

    compare(world, 3, steps)


def test_a_memory_follows_its_array():
    """Saved and loaded, or moved there and back; on one rank alone, too."""

    def steps(comm, place):
        x = array("normal", 600, "float32", seed=comm.rank).reshape(20, 30)
        feedback = skimp.ErrorFeedback(skimp.LowRank(2))
        for there in (True, False, comm.rank == 1, comm.rank == 0, True):
            result = comm.allreduce(place(x) if there else x, codec=feedback)
            yield "step", result, x.dtype
            yield "memory", feedback.state_dict()["memory"], None
        loaded = skimp.ErrorFeedback(skimp.LowRank(2))
        loaded.load_state_dict(feedback.state_dict())
        for _ in range(2):
            yield "loaded", comm.allreduce(place(x), codec=loaded), x.dtype
        yield "residual", loaded.residual().copy(), None

    compare("all", 3, steps)


def test_ranks_with_different_memories_are_noticed():
    x = on_device(array("normal", 600, "float32").reshape(20, 30))

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.LowRank(2))
        comm.allreduce(x, codec=feedback)
        state = feedback.state_dict()
        state["memory"] = state["memory"] * (1 + comm.rank)
        feedback.load_state_dict(state)
        comm.allreduce(x, codec=feedback)

    with pytest.raises(skimp.MismatchError, match="residual_memory"):
        skimp.run_threads(2, worker, timeout=20)


@pytest.mark.parametrize("sender", [0, 1])
def test_damage_is_found(sender):
    """As in host memory; residual and memory are what they were."""
    x = array("normal", 5000, "float32").reshape(50, 100)

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.LowRank(3))
        comm.allreduce(on_device(x), codec=feedback)
        before = feedback.state_dict()
        if comm.rank == sender:
            skimp.testing.inject_fault(comm, "corrupt")
        with pytest.raises(skimp.CorruptPayload, match=f"from rank {sender}"):
            comm.allreduce(on_device(x), codec=feedback)
            comm.barrier()
        after = feedback.state_dict()
        return [same_bits(before[name], after[name]) for name in before], feedback.step

    for unchanged, step in skimp.run_threads(2, worker):
        assert all(unchanged) == (step == 1)


def test_plan():
    def steps(comm, place):
        x = array("normal", 600, "float32", seed=comm.rank).reshape(20, 30)
        feedback = skimp.ErrorFeedback(skimp.LowRank(2))
        plan = comm.plan_allreduce(like=place(x), codec=feedback)
        for _ in range(3):
            yield "plan", plan.run(place(x)), x.dtype
        yield "residual", feedback.residual().copy(), None

    compare("mixed", 3, steps)


def test_copies_of_a_residual():
    """On a device or in host memory: values, memory and step."""
    x = array("normal", 600, "float32").reshape(20, 30)
    there = skimp.Residual(600, device=0)
    skimp.LowRank(2).encode(on_device(x), residual=there)
    here = there.moved_to(None)
    assert (here.device, there.device, here.step) == (None, 0, 1)
    back = here.moved_to(0)
    for copy in (here, back):
        assert same_bits(copy.values, there.values) and same_bits(copy.memory, there.memory)
    frame = skimp.LowRank(2).encode(x, residual=here)
    assert skimp.LowRank(2).encode(on_device(x), residual=back) == frame
    assert same_bits(here.memory, back.memory) and here.memory.any()
    assert same_bits(
        on_host(skimp.decode(frame, like=on_device(x)), x.dtype), skimp.decode(frame, like=x)
    )
