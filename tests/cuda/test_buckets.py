"""Lists and dicts of arrays on a device are reduced as one, with the bits of host memory."""

import numpy as np
import pytest
import skimp

from tests.comparing import same_bits
from tests.cuda.emulation import ON_GPU, ORDERS, on_device, on_host, thread_order, use_library
from tests.cuda.worlds import WORLDS, compare
from tests.pairwise import parametrize
from tests.tables import DTYPES, SOME_DATA, array

CODECS = ("identity", "sign(block=32)", "quantize(bits=4)", "topk(density=0.2)", "lowrank(rank=2)")
SHAPES = {
    "one": {"a": (5,)},
    "few": {"weight": (40, 30), "bias": (30,), "scalar": (), "none": (0, 4)},
    "none": {"a": (0,), "b": (3, 0)},
    "many": {f"{i:03}": (i % 7, 100 + i) for i in range(70)},  # more than a launch takes
}
MIXED = ("float32", "float16", "bfloat16")


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


def bucket_of(shapes, dtypes, data, seed):
    """Nested, of arrays of the types in turn."""
    arrays = {
        name: array(data, int(np.prod(shape)), dtypes[i % len(dtypes)], [*seed, i]).reshape(shape)
        for i, (name, shape) in enumerate(shapes.items())
    }
    return {"first": list(arrays.values())[::2], "then": (list(arrays.values())[1::2],)}


def leaves_of(bucket):
    return [*bucket["first"], *bucket["then"][0]]


def placed(bucket, place):
    return {
        "first": [place(x) for x in bucket["first"]],
        "then": ([place(x) for x in bucket["then"][0]],),
    }


@parametrize(
    codec=CODECS,
    shapes=tuple(SHAPES),
    dtypes=(*((dtype,) for dtype in DTYPES), MIXED, MIXED[1:]),
    data=SOME_DATA,
    feedback=(True, False),
    in_place=(True, False),
    world_size=(1, 2, 4),
    world=tuple(WORLDS),
    order=ORDERS,
)
def test_allreduce(codec, shapes, dtypes, data, feedback, in_place, world_size, world, order):
    if shapes in ("one", "none") and codec.startswith("topk"):
        codec = "sign"

    def steps(comm, place):
        made = skimp.LowRank(2) if codec.startswith("lowrank") else skimp.codec(codec)
        used = skimp.ErrorFeedback(made) if feedback else made
        for step in range(2):
            bucket = bucket_of(SHAPES[shapes], dtypes, data, [step, comm.rank])
            given = placed(bucket, place)
            out = given if in_place else None
            result = comm.allreduce(given, codec=used, out=out)
            assert (result is given) == in_place
            for i, (a, x) in enumerate(zip(leaves_of(result), leaves_of(bucket), strict=True)):
                yield f"array {i} of step {step}", a, x.dtype
            if feedback:
                yield f"residual {step}", used.residual().copy(), None

    with thread_order(order):
        compare(world, world_size, steps)


@parametrize(
    dtypes=(("float64",), ("float16",), MIXED), world=tuple(WORLDS), world_size=(1, 3), out=(0, 1)
)
def test_allgather_broadcast_and_mix(dtypes, world, world_size, out):
    def steps(comm, place):
        bucket = bucket_of(SHAPES["few"], dtypes, "normal", [comm.rank])
        given, kinds = placed(bucket, place), [x.dtype for x in leaves_of(bucket)]
        room = placed(bucket, lambda x: place(np.zeros((world_size, *x.shape), x.dtype)))
        gathered = comm.allgather(given, codec=skimp.Sign(block=32), out=room if out else None)
        sent = comm.broadcast(given, world_size - 1, codec=skimp.Quantize(8))
        gossip = skimp.Gossip(skimp.Sign(block=32))
        mixed = comm.mix(given, gossip, out=given if out else None)
        for name, result in (("gathered", gathered), ("sent", sent), ("mixed", mixed)):
            for i, (x, dtype) in enumerate(zip(leaves_of(result), kinds, strict=True)):
                yield f"{name} {i}", x, dtype
        yield "state", gossip.state().copy(), None

    compare(world, world_size, steps)


@pytest.mark.parametrize("world", WORLDS)
def test_plan(world):
    def steps(comm, place):
        bucket = bucket_of(SHAPES["few"], MIXED, "normal", [comm.rank])
        plan = comm.plan_allreduce(like=placed(bucket, place), codec=skimp.Sign(block=32))
        for _ in range(2):
            result = plan.run(placed(bucket, place))
            for i, (x, y) in enumerate(zip(leaves_of(result), leaves_of(bucket), strict=True)):
                yield f"array {i}", x, y.dtype

    compare(world, 3, steps)


def test_skipped_calls_write_nothing():
    x = array("normal", 100, "float32")

    def worker(comm):
        bad = np.full(7, np.nan if comm.rank else 0, np.float32)
        out = [on_device(x), on_device(bad)]
        given = [on_device(x), on_device(bad)]
        assert comm.allreduce(given, nonfinite="skip", out=out) is None
        return same_bits(on_host(out[0], x.dtype), x) and same_bits(on_host(out[1], x.dtype), bad)

    assert all(skimp.run_threads(2, worker))


def test_what_a_bucket_cannot_be():
    x = on_device(array("normal", 100, "float32"))
    wide = on_device(array("normal", 100, "float64"))
    here = np.ones(3, np.float32)
    refused = skimp.UnsupportedType
    cases = [
        ([x, here], None, refused, "ndarray in host memory"),
        ([here, x], None, refused, "where arrays are not handled|on device|on cuda"),
        ([x, wide], None, refused, "float64 beside narrower"),
        ([x, x], [x, here], refused, "ndarray in host memory"),
        ([x, x], [x], skimp.InvalidArgument, "needs"),
        ([x, [x]], [x, x], skimp.InvalidArgument, "needs"),
    ]

    def worker(comm):
        for given, out, error, says in cases:
            with pytest.raises(error, match=says):
                comm.allreduce(given, codec=skimp.Sign(), out=out)
        with pytest.raises(refused, match="takes one array"):
            comm.reduce_scatter([x], codec=skimp.Sign())

    skimp.run_threads(1, worker)


@pytest.mark.skipif(ON_GPU, reason="torch has one stream at a time")
def test_streams_of_a_bucket():
    x = array("normal", 100, "float32")

    def worker(comm):
        apart = [on_device(x, stream=5), on_device(x, stream=6)]
        with pytest.raises(skimp.UnsupportedType, match="in one stream, not in 2"):
            comm.allreduce(apart, codec=skimp.Sign())
        together = [on_device(x, stream=5), on_device(x, stream=5)]
        first, second = comm.allreduce(together, codec=skimp.Sign())
        assert first.stream == 5
        assert same_bits(on_host(first, x.dtype), on_host(second, x.dtype))

    skimp.run_threads(1, worker)
