"""Arrays on a device that have DLPack alone: the bits of host memory, in the stream that they were
told of, and every capsule's deleter called once."""

import ctypes
import gc

import numpy as np
import pytest
import skimp

from tests.comparing import same_bits
from tests.cuda.dlpack import CPU, DlpackAlone
from tests.cuda.emulation import (
    ON_GPU,
    Dressed,
    Stream,
    on_device,
    on_host,
    queue_copy,
    run,
    use_library,
)
from tests.pairwise import parametrize
from tests.tables import DTYPES, array

DEFAULT_STREAM = 1  # as DLPack numbers it

emulated = pytest.mark.skipif(ON_GPU, reason="about capsules of the tests' own")


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


def alone(x, **options):
    return DlpackAlone(on_device(x), **options)


def values(array, dtype):
    return on_host(array.inner, np.dtype(dtype))


@parametrize(
    dtype=DTYPES, versioned=(True, False), strides=(True, False), shape=((), (0,), (7, 90), (630,))
)
def test_collectives_and_messages(dtype, versioned, strides, shape):
    def worker(comm, place, seen):
        x = array("normal", int(np.prod(shape)), dtype, seed=comm.rank).reshape(shape)
        given, feedback = place(x), skimp.ErrorFeedback(skimp.Quantize(8, block=32))
        results = [comm.allreduce(given, codec=feedback)]
        out = place(np.zeros_like(x))
        assert comm.allreduce(given, codec=feedback, out=out) is out
        comm.send(given, 1 - comm.rank, codec=skimp.Sign())
        results += [out, comm.recv(1 - comm.rank, like=given)]
        results += comm.allreduce([given, given])
        for one in (given, out):
            assert getattr(one, "exported", 0) == getattr(one, "deleted", 0)
            assert set(getattr(one, "streams", ())) <= {DEFAULT_STREAM}
        return [seen(result, x.dtype) for result in results] + [feedback.residual()]

    def place(x):
        return alone(x, versioned=versioned, strides=strides)

    actual = skimp.run_threads(2, lambda comm: worker(comm, place, values))
    expected = skimp.run_threads(2, lambda comm: worker(comm, np.copy, lambda y, _: y))
    for ours, theirs in zip(actual, expected, strict=True):
        assert all(same_bits(a, b) for a, b in zip(ours, theirs, strict=True))


@parametrize(dtype=DTYPES, versioned=(True, False))
def test_frames(dtype, versioned):
    x = array("normal", 300, dtype)
    given = alone(x, versioned=versioned)
    frame = skimp.Sign().encode(given)
    assert frame == skimp.Sign().encode(x)
    decoded = skimp.decode(frame, like=given)
    assert isinstance(decoded, DlpackAlone)
    assert same_bits(values(decoded, x.dtype), skimp.decode(frame, like=x))
    assert ON_GPU or given.exported == given.deleted > 0


@emulated
def test_the_library_is_told_of_the_stream():
    """It has the default stream wait for its own, here by waiting itself; results come after what
    the default stream was given."""
    x = array("normal", 500, "float32")
    memory, out, ones, theirs = np.zeros_like(x), np.zeros_like(x), np.ones_like(x), 99

    class Ordered(DlpackAlone):
        def __dlpack__(self, **options):
            assert options["stream"] == DEFAULT_STREAM
            run("skimp_cuda_wait", Stream(0, theirs))
            return super().__dlpack__(**options)

    def worker(comm):
        given, result = Ordered(Dressed(memory)), DlpackAlone(Dressed(out))
        comm.allreduce(given, out=result)  # makes the plan, which waits for more
        queue_copy(theirs, memory.ctypes.data, x.ctypes.data, x.nbytes)
        queue_copy(0, out.ctypes.data, ones.ctypes.data, x.nbytes)
        comm.allreduce(given, out=result)
        run("skimp_cuda_wait", Stream())

    skimp.run_threads(1, worker)
    assert same_bits(out, x)


@emulated
def test_memory_is_held_while_it_is_used():
    x = array("normal", 500, "float32")

    class Lent(DlpackAlone):
        def end(self):
            self.inner.values[:] = 0

    assert skimp.Sign().encode(Lent(Dressed(x.copy()))) == skimp.Sign().encode(x)
    given, out = Lent(Dressed(x.copy())), DlpackAlone(Dressed(np.zeros_like(x)))
    skimp.run_threads(1, lambda comm: comm.allreduce(given, out=out))
    assert same_bits(out.inner.values, x)
    assert given.deleted == given.exported and not given.inner.values.any()


@emulated
def test_an_offset_counts():
    x = array("normal", 64, "float32")

    def further(managed):
        managed.tensor.data -= 8
        managed.tensor.byte_offset = 8

    assert skimp.Sign().encode(alone(x, change=further)) == skimp.Sign().encode(x)


def setting(**fields):
    def change(managed):
        for name, value in fields.items():
            setattr(managed.tensor if hasattr(managed.tensor, name) else managed, name, value)

    return change


def stride(managed):
    managed.tensor.strides[0] = 2


@emulated
@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (setting(code=0), "type int32 are not handled; convert to float32"),
        (setting(code=5, bits=64), "complex64"),
        (setting(bits=8), "float8"),
        (setting(lanes=4), "float32x4"),
        (setting(code=17, bits=4), "code 17 of DLPack, bits 4"),
        (setting(device_type=CPU), "is of type 1"),
        (stride, "contiguous"),
    ],
)
def test_what_is_refused(change, says, versioned):
    is_refused(alone(array("normal", 64, "float32"), versioned=versioned, change=change), says)


@emulated
def test_a_version_to_come():
    given = alone(array("normal", 64, "float32"), change=setting(major=2, minor=3))
    is_refused(given, r"DLPack 2\.3: versions before 2\.0 are read")


def is_refused(given, says):
    """In words, and the capsule is let go of."""
    with pytest.raises(skimp.UnsupportedType, match=says) as refusal:
        skimp.Sign().encode(given)
    del refusal
    gc.collect()
    assert given.exported == given.deleted == 1


@emulated
def test_read_only_arrays_are_read_alone():
    x = array("normal", 64, "float32")
    given = alone(x, read_only=True)

    def worker(comm):
        with pytest.raises(skimp.InvalidArgument, match="out is read-only"):
            comm.allreduce(x=alone(x), out=given)
        return comm.allreduce(given)

    (result,) = skimp.run_threads(1, worker)
    assert same_bits(values(result, x.dtype), x)
    gc.collect()
    assert given.exported == given.deleted == 2


def used(given):
    """Its capsules have another owner already."""
    export = given.__dlpack__
    rename = ctypes.pythonapi.PyCapsule_SetName
    rename.argtypes = ctypes.py_object, ctypes.c_char_p

    def exported(**options):
        capsule = export(**options)
        rename(capsule, b"used_dltensor_versioned")
        return capsule

    return exported


def refuses(**options):
    raise BufferError("it has been donated")


@emulated
@pytest.mark.parametrize(
    ("export", "says"),
    [
        (lambda given: refuses, "by DLPack: it has been donated"),
        (lambda given: lambda **options: "what?", "'what\\?' is no unused capsule"),
        (used, "no unused capsule"),
    ],
)
def test_what_libraries_may_do(export, says):
    class Odd(DlpackAlone):
        def __dlpack__(self, **options):
            return export(super())(**options)

    with pytest.raises(skimp.UnsupportedType, match=says):
        skimp.Sign().encode(Odd(on_device(array("normal", 64, "float32"))))


@emulated
def test_managed_memory_is_a_devices():
    x = array("normal", 64, "float32")

    class Managed(DlpackAlone):
        def __dlpack_device__(self):
            return 13, 0

    given = Managed(on_device(x), change=setting(device_type=13))
    assert skimp.Sign().encode(given) == skimp.Sign().encode(x)


@emulated
def test_a_library_that_makes_no_arrays_gives_out():
    x = array("normal", 64, "float32")

    class Bare(DlpackAlone):
        __array_namespace__ = property()

    def worker(comm):
        given, out = Bare(on_device(x)), Bare(on_device(np.zeros_like(x)))
        with pytest.raises(skimp.UnsupportedType, match="collectives as out="):
            comm.allreduce(given)
        return values(comm.allreduce(given, out=out), x.dtype)

    assert same_bits(skimp.run_threads(1, worker)[0], x)
