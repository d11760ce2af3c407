"""EF21 and momentum correction of arrays on a device: the bits of host memory, in results and in
all that they keep, also where some ranks' arrays lie on a device and others' do not."""

import ctypes

import numpy as np
import pytest
import skimp
from skimp import paths

from tests.comparing import same_bits
from tests.cuda.emulation import ORDERS, on_device, thread_order, use_library
from tests.cuda.worlds import WORLDS, compare
from tests.pairwise import parametrize
from tests.tables import DTYPES, array

CODECS = ("identity", "sign(block=32)", "quantize(bits=4)", "topk(density=0.1)", "lowrank(rank=2)")
VARIANTS = {
    "ef21": skimp.EF21,
    "momentum": skimp.MomentumCorrection,
    "clipped": lambda codec: skimp.MomentumCorrection(codec, 0.5, clip=3.0),
    "unmasked": lambda codec: skimp.MomentumCorrection(codec, 0.9, masking=False),
}
STEPS = 3


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


def made(variant, codec):
    return VARIANTS[variant](
        skimp.LowRank(2) if codec.startswith("lowrank") else skimp.codec(codec)
    )


@parametrize(
    variant=tuple(VARIANTS),
    codec=CODECS,
    data=("normal", "ties", "heavy_tailed", "huge", "with_nonfinite"),
    count=(0, 1, 33, 2049, 9000),
    world_size=(1, 2, 3, 5),
    dtype=DTYPES,
    op=("mean", "sum"),
    world=tuple(WORLDS),
    order=ORDERS,
)
def test_variants(variant, codec, data, count, world_size, dtype, op, world, order):
    if count < 33 and codec.startswith("topk"):
        codec = "sign"

    def steps(comm, place):
        feedback = made(variant, codec)
        for step in range(STEPS):
            x = array(data, count, dtype, seed=[step, comm.rank])
            yield f"step {step}", comm.allreduce(place(x), codec=feedback, op=op), x.dtype
            for name, kept in sorted(feedback.state_dict().items()):
                yield f"{name} {step}", kept, None

    with thread_order(order):
        compare(world, world_size, steps)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_kept_follows_its_array(variant):
    """Saved and loaded, or moved, by one rank or by all; scaled on the way; in buckets too."""

    def steps(comm, place):
        x = array("normal", 96, "float32", seed=comm.rank)
        feedback = made(variant, "sign(block=32)")
        for there in (True, False, comm.rank == 1, True):
            here = place if there else np.copy
            bucket = [here(x[:90].reshape(9, 10)), {"bias": here(x[90:])}]
            first, rest = comm.allreduce(bucket, codec=feedback)
            yield "weight", first, x.dtype
            yield "bias", rest["bias"], x.dtype
            feedback.rescale(0.5)
        loaded = made(variant, "sign(block=32)")
        loaded.load_state_dict(feedback.state_dict())
        bucket = [place(x[:90].reshape(9, 10)), {"bias": place(x[90:])}]
        yield "loaded", comm.allreduce(bucket, codec=loaded)[0], x.dtype
        for name, kept in sorted(loaded.state_dict().items()):
            yield name, kept, None

    compare("all", 3, steps)


@parametrize(variant=tuple(VARIANTS), nonfinite=("raise", "skip"), world=tuple(WORLDS))
def test_calls_that_change_nothing(variant, nonfinite, world):
    def steps(comm, place):
        feedback = made(variant, "quantize(bits=4)")
        for data in ("normal", "with_nonfinite", "normal"):
            x = array(data if comm.rank == 0 else "normal", 500, "float32", seed=comm.rank)
            before = feedback.state_dict()
            try:
                result = comm.allreduce(place(x), codec=feedback, nonfinite=nonfinite)
            except skimp.NonFiniteError:
                result = None
            if result is None and before:
                after = feedback.state_dict()
                assert all(same_bits(before[name], after[name]) for name in before)
            yield "result", result, x.dtype

    compare(world, 3, steps)


def test_arrays_in_c():
    """Addresses on the device, and copies of what lies there."""
    feedback = skimp.EF21(skimp.Sign(block=32))
    x = array("normal", 100, "float32")
    skimp.run_threads(1, lambda comm: comm.allreduce(on_device(x), codec=feedback))
    kept = feedback.estimate()
    assert kept.shape == (100,) and not kept.flags.writeable
    residual = feedback._slots[None].residual
    assert residual.device == 0
    with pytest.raises(BufferError, match="on a device"):
        np.asarray(residual._native.array("estimate"))
    library = ctypes.CDLL(str(paths.LIBRARY))
    handle, room = ctypes.c_void_p(residual._native.handle), np.empty(100, np.float32)
    for name, count, says in ((b"mean", 99, b"99 values of mean"), (b"nothing", 100, b"nothing")):
        arguments = handle, name, room.ctypes.data_as(ctypes.c_void_p), ctypes.c_uint64(count)
        assert library.skimp_residual_save_array(*arguments) != 0
        library.skimp_last_error_message.restype = ctypes.c_char_p
        assert says in library.skimp_last_error_message()
