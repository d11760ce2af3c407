"""Gossip of arrays on a device: the bits of host memory in results and states, also where some
ranks' arrays lie on a device and others' do not."""

import numpy as np
import pytest
import skimp

from tests.comparing import same_bits
from tests.cuda.emulation import ORDERS, on_device, on_host, thread_order, use_library
from tests.cuda.worlds import WORLDS, compare
from tests.pairwise import parametrize
from tests.tables import DTYPES, SOME_DATA, array

CODECS = (
    "identity",
    "sign(block=32)",
    "quantize(bits=8)",
    "quantize(bits=2,block=96)",
    "topk(density=0.1)",
    "topk(density=0.3,values=float16)",
)
STEPS = 3


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


@parametrize(
    codec=CODECS,
    data=SOME_DATA,
    count=(0, 5, 33, 257, 2049),
    world_size=range(1, 7),
    dtype=DTYPES,
    graph=("ring", "exponential", "complete"),
    step_size=(None, 1.0, 0.3),
    in_place=(True, False),
    world=tuple(WORLDS),
    segment=(None, 512),
    order=ORDERS,
)
def test_mix(
    codec, data, count, world_size, dtype, graph, step_size, in_place, world, segment, order
):
    if count < 5 and codec.startswith("topk"):
        codec = "sign"
    options = {"graph": graph, "step_size": step_size, "in_place": in_place}

    def steps(comm, place):
        gossip = skimp.Gossip(skimp.codec(codec), **options)
        x = array(data, count, dtype, seed=comm.rank)
        given, dtype_of_x = place(x), x.dtype
        for step in range(STEPS):
            given = comm.mix(given, gossip)
            yield f"step {step}", given, dtype_of_x
            if gossip.keeps_state:
                yield f"state {step}", gossip.state().copy(), None

    with thread_order(order):
        compare(world, world_size, steps, segment)


def test_lowrank_sees_matrices():
    def steps(comm, place):
        gossip = skimp.Gossip(skimp.LowRank(2), step_size=0.5)
        x = array("normal", 600, "float32", seed=comm.rank).reshape(20, 30)
        for _ in range(STEPS):
            yield "step", comm.mix(place(x), gossip), x.dtype
        yield "state", gossip.state().copy(), None

    compare("mixed", 4, steps)


@parametrize(nonfinite=("raise", "skip"), world=tuple(WORLDS))
def test_what_is_not_finite(nonfinite, world):
    def steps(comm, place):
        gossip = skimp.Gossip(skimp.Quantize(4))
        for data in ("normal", "with_nonfinite"):
            x = array(data if comm.rank == 0 else "normal", 500, "float32", seed=comm.rank)
            try:
                result = comm.mix(place(x), gossip, nonfinite=nonfinite)
            except skimp.NonFiniteError as error:
                result = np.frombuffer(str(error).encode(), np.uint8)
            yield "result", result, x.dtype
            yield "state", gossip.state().copy(), None

    compare(world, 3, steps)


def test_a_state_follows_its_array():
    """Saved and loaded, or moved: the copies that neighbours have stay the same."""

    def steps(comm, place):
        x = array("normal", 1000, "float32", seed=comm.rank)
        gossip = skimp.Gossip(skimp.Sign(block=64))
        for there in (True, comm.rank == 0, False, True):
            yield "step", comm.mix(place(x) if there else x, gossip), x.dtype
        loaded = skimp.Gossip(skimp.Sign(block=64))
        loaded.load_state_dict(gossip.state_dict())
        yield "loaded", comm.mix(place(x), loaded), x.dtype

    compare("all", 3, steps)


def test_in_place():
    def worker(comm):
        x = array("normal", 700, "float16", seed=comm.rank)
        given, again = on_device(x), on_device(x)
        assert comm.mix(given, skimp.Gossip(skimp.Sign()), out=given) is given
        fresh = comm.mix(again, skimp.Gossip(skimp.Sign()))
        assert same_bits(on_host(again, x.dtype), x)
        return on_host(given, x.dtype), on_host(fresh, x.dtype)

    for given, fresh in skimp.run_threads(3, worker):
        assert same_bits(given, fresh)
