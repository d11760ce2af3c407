"""The same bits from run to run, whoever comes late; in place; and in parts of a group."""

import time

import numpy as np
import pytest
import skimp

from tests.collectives.methods import METHODS
from tests.comparing import same_bits
from tests.tables import array

COUNT, WORLD = 3000, 4


def inputs(dtype: str = "float32") -> list[np.ndarray]:
    return [array("wide", COUNT, dtype, seed=rank) for rank in range(WORLD)]


def reduced(method, late: int | None = None, in_place: bool = False) -> list[np.ndarray]:
    arrays = inputs()

    def worker(comm):
        if comm.rank == late:
            time.sleep(0.02)
        x = arrays[comm.rank].copy()
        out = x if in_place else None
        result = comm.allreduce(x, codec=skimp.codec(method.codec), out=out, **method.options())
        assert not in_place or result is x
        return result

    return skimp.run_threads(WORLD, worker)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_late_ranks_and_in_place(method):
    if method.refuses(COUNT, WORLD):
        return
    expected = reduced(method)[0]
    runs = [
        reduced(method, late=0),
        reduced(method, late=WORLD - 1),
        reduced(method, in_place=True),
    ]
    assert all(same_bits(result, expected) for run in runs for result in run)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_input_is_left_alone(method):
    if method.refuses(COUNT, WORLD):
        return
    arrays = inputs("float16")

    def worker(comm):
        x, out = arrays[comm.rank].copy(), np.empty(COUNT, np.float16)
        codec = skimp.codec(method.codec)
        assert comm.allreduce(x, codec=codec, out=out, **method.options()) is out
        return x

    for x, before in zip(skimp.run_threads(WORLD, worker), arrays, strict=True):
        assert same_bits(x, before)


def test_buffers_are_cleared_between_calls():
    """A plan that runs again starts from nothing, at three ranks and more too."""

    def worker(comm):
        x = np.zeros(COUNT, np.float32)
        plan = comm.plan_allreduce(like=x, codec=skimp.TopK(k=30), algorithm="gather")
        x[comm.rank :: 100] = 1
        first = plan.run(x)
        assert np.count_nonzero(first) == 30 * WORLD
        assert not plan.run(np.zeros(COUNT, np.float32)).any()
        return plan.run(x), first

    for again, first in skimp.run_threads(WORLD, worker):
        assert same_bits(again, first)


def test_float16_is_summed_in_float32():
    """A sum that overflows float16, of which the mean does not."""

    def worker(comm):
        x = np.full(100, 60000, np.float16)
        results = [
            comm.allreduce(x, codec=skimp.codec(method.codec), **method.options())
            for method in METHODS
            if not method.refuses(100, WORLD)
            and not method.keeps_at_random
            and not method.codec.startswith("natural")  # may round up beyond the type
        ]
        return [result.max() for result in results]

    for maxima in skimp.run_threads(WORLD, worker):
        assert all(np.isfinite(maxima)) and min(maxima) >= 59000


def test_parts_of_a_group():
    """Even and odd ranks apart, in reversed order; then all again."""

    def worker(comm):
        x = np.full(1000, 2.0**comm.rank, np.float32)
        part = comm.split(color=comm.rank % 2, key=-comm.rank)
        within = part.allreduce(x, codec=skimp.Sign(), op="sum")[0]
        first = part.broadcast(x, root=0)[0]
        everybody = comm.allreduce(x, codec=skimp.Sign(), op="sum")[0]
        none = comm.split(color=0 if comm.rank == 1 else -1)
        comm.barrier()
        return within, first, everybody, none is None

    ranks = skimp.run_threads(5, worker)
    assert [within for within, *_ in ranks] == [21, 10, 21, 10, 21]
    assert [first for _, first, *_ in ranks] == [16, 8, 16, 8, 16]
    assert {everybody for *_, everybody, _ in ranks} == {31}
    assert [none for *_, none in ranks] == [True, False, True, True, True]
