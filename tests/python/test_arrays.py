"""Any array in, the same kind out."""

import array
import ctypes
import math
from collections import OrderedDict, namedtuple

import ml_dtypes
import numpy as np
import pytest
import skimp
from skimp.arrays import as_array
from skimp.dtypes import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, cast

DTYPES = [np.float32, np.float16, ml_dtypes.bfloat16, np.float64]
IDENTITY = skimp.Identity()


def there_and_back(x):
    """Through a frame and a collective of one rank: what comes out must be what went in."""
    reduced = skimp.run_threads(1, lambda comm: comm.allreduce(x))[0]
    decoded = skimp.decode(IDENTITY.encode(x), like=x)
    assert type(reduced) is type(decoded)
    return reduced


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4), (2, 0, 3)])
def test_numpy(dtype, shape):
    x = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    y = there_and_back(x)
    assert isinstance(y, np.ndarray)
    assert (y.dtype, y.shape) == (x.dtype, x.shape)
    assert np.array_equal(y, x)
    assert y.flags.writeable


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_scalar(dtype):
    y = there_and_back(dtype(1.5))
    assert type(y) is dtype
    assert y == dtype(1.5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_non_contiguous(dtype):
    x = np.arange(24).reshape(4, 6).astype(dtype)
    for view in (x.T, x[:, ::2], x[::-1], np.broadcast_to(x[0], (3, 6))):
        assert np.array_equal(there_and_back(view), view)


def test_python_array():
    for typecode in "fd":
        y = there_and_back(array.array(typecode, [1, 2, 3]))
        assert y == array.array(typecode, [1, 2, 3])
        assert y.typecode == typecode


def test_buffers():
    x = np.arange(6, dtype=np.float32)
    for given in (memoryview(x), memoryview(x.tobytes()).cast("f")):
        y = there_and_back(memoryview(given))
        assert (y.format, y.shape) == ("f", (6,))
        assert bytes(y) == x.tobytes()
    y = there_and_back((ctypes.c_double * 3)(1, 2, 3))
    assert list(y) == [1, 2, 3]


def test_dlpack():
    class Foreign:
        """An array whose library has nothing to do with numpy."""

        def __init__(self, values):
            self.values = values

        def __dlpack__(self, **options):
            return self.values.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.values.__dlpack_device__()

    class Namespaced(Foreign):
        def __array_namespace__(self):
            return type("namespace", (), {"asarray": staticmethod(Namespaced)})

    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert np.array_equal(there_and_back(Foreign(x)), x)
    y = there_and_back(Namespaced(x))
    assert isinstance(y, Namespaced)
    assert np.array_equal(y.values, x)


def test_device_arrays_are_refused():
    class OnDevice:
        def __dlpack__(self, **options):
            raise AssertionError("must not be asked")

        def __dlpack_device__(self):
            return 2, 0

    class Cuda:
        __cuda_array_interface__ = None

    for given in (OnDevice(), Cuda()):
        with pytest.raises(skimp.UnsupportedType, match="host memory"):
            as_array(given)


def test_torch():
    torch = pytest.importorskip("torch")
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        for x in (torch.arange(6).reshape(2, 3), torch.arange(12).reshape(3, 4).T[::2]):
            x = x.to(dtype)
            y = there_and_back(x)
            assert isinstance(y, torch.Tensor)
            assert y.dtype == dtype
            assert torch.equal(y, x)
    x = torch.ones(3, requires_grad=True)
    assert not there_and_back(x * 2).requires_grad
    out = torch.zeros(3, dtype=torch.bfloat16)
    x = torch.arange(3, dtype=torch.bfloat16)
    skimp.run_threads(1, lambda comm: comm.allreduce(x, out=out))
    assert torch.equal(out, x)
    with pytest.raises(skimp.UnsupportedType, match="int64"):
        as_array(torch.arange(3))
    with pytest.raises(skimp.UnsupportedType, match="sparse"):
        as_array(torch.eye(2).to_sparse())


def test_jax():
    jax = pytest.importorskip("jax")
    for dtype in (jax.numpy.float32, jax.numpy.float16, jax.numpy.bfloat16):
        x = jax.numpy.arange(6, dtype=dtype).reshape(2, 3)
        y = there_and_back(x)
        assert isinstance(y, jax.Array)
        assert y.dtype == x.dtype
        assert (y == x).all()
    with pytest.raises(skimp.InvalidArgument, match="read-only"):
        skimp.run_threads(1, lambda comm: comm.allreduce(x, out=x))


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (np.arange(3), "int64"),
        (np.ones(3, complex), "complex128"),
        (np.array([None]), "object"),
        (np.ones(3, ">f4"), ">f4"),
        (np.ones(3, np.uint16), "uint16"),
        (np.ma.masked_array(np.ones(2, np.float32)), "masked"),
        (b"bytes", "uint8"),
        (1.5, "np.asarray"),
        ([1.0, 2.0], "np.asarray"),
        ({"a": [1, 2]}, "np.asarray"),
        ("text", "str is not an array"),
        (None, "NoneType is not an array"),
        ({1, 2}, "set is not an array"),
    ],
)
def test_refused(given, hint):
    with pytest.raises(skimp.UnsupportedType, match=hint):
        IDENTITY.encode(given)


Layer = namedtuple("Layer", "weight bias")


def test_buckets_keep_structure_and_types():
    bucket = {
        "z": [np.ones((2, 2), np.float32), array.array("f", [2, 3])],
        "a": Layer(np.full(3, 4, np.float32), (np.float32(5),)),
    }
    y = there_and_back(bucket)
    assert list(y) == ["z", "a"]
    assert np.array_equal(y["z"][0], np.ones((2, 2)))
    assert y["z"][1] == array.array("f", [2, 3])
    assert isinstance(y["a"], Layer)
    assert type(y["a"].bias) is tuple
    assert type(y["a"].bias[0]) is np.float32
    assert type(there_and_back(OrderedDict(a=np.ones(1, np.float32)))) is OrderedDict


def test_buckets_of_several_types():
    bucket = [np.array([1.5, -2], dtype) for dtype in DTYPES]
    for given in (bucket, bucket[:3]):
        y = there_and_back(given)
        assert [part.dtype for part in y] == [part.dtype for part in given]
        assert all(np.array_equal(a, b) for a, b in zip(y, given, strict=True))
    assert IDENTITY.encode(bucket).dtype == "float64"
    assert IDENTITY.encode(bucket[:3]).dtype == "float32"
    assert IDENTITY.encode(bucket[2:3]).dtype == "bfloat16"


def test_empty_bucket():
    assert there_and_back([]) == []
    assert there_and_back({"a": []}) == {"a": []}


def test_dict_order_does_not_matter():
    def worker(comm):
        names = ["a", "b"] if comm.rank == 0 else ["b", "a"]
        return comm.allreduce({name: np.full(2, ord(name), np.float32) for name in names})

    for result in skimp.run_threads(2, worker):
        assert result["a"][0] == ord("a")
        assert result["b"][0] == ord("b")


def test_keys_without_order():
    with pytest.raises(skimp.InvalidArgument, match="order"):
        IDENTITY.encode({1: np.ones(1), "a": np.ones(1)})


def test_every_collective_of_a_bucket_or_scalar():
    def worker(comm):
        bucket = [np.full((2,), comm.rank, np.float32), np.full((1, 3), comm.rank, np.float16)]
        gathered = comm.allgather(bucket)
        assert [part.shape for part in gathered] == [(3, 2), (3, 1, 3)]
        assert [part.dtype for part in gathered] == [np.float32, np.float16]
        assert all((part[rank] == rank).all() for part in gathered for rank in range(3))
        assert (comm.broadcast(bucket, root=2)[1] == 2).all()
        assert comm.allgather(np.float32(comm.rank)).tolist() == [0, 1, 2]
        assert comm.allgather(array.array("f", [comm.rank])).tolist() == [0, 1, 2]
        with pytest.raises(skimp.UnsupportedType, match="one array"):
            comm.reduce_scatter(bucket)
        with pytest.raises(skimp.InvalidArgument, match="does not divide"):
            comm.reduce_scatter(np.ones((4, 3), np.float32))
        with pytest.raises(skimp.InvalidArgument, match="does not divide"):
            comm.reduce_scatter(np.float32(1))
        part = comm.reduce_scatter(np.arange(12, dtype=np.float32).reshape(6, 2), op="sum")
        assert np.array_equal(part, 3 * np.arange(12).reshape(3, 2, 2)[comm.rank])

    skimp.run_threads(3, worker)


def test_out():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)

    def reduced(x, out):
        return skimp.run_threads(1, lambda comm: comm.allreduce(x, out=out))[0]

    for out in (np.zeros((3, 4), np.float32), np.zeros((4, 3), np.float32).T, x):
        assert reduced(x, out) is out
        assert np.array_equal(out, np.arange(12).reshape(3, 4))

    held = np.arange(5, dtype=np.float32)  # input and output overlap by parts
    assert reduced(held[:-1], held[1:]).tolist() == [0, 1, 2, 3]

    buckets = [np.zeros(2, np.float32), {"a": np.zeros(2, np.float16)}]
    given = [np.ones(2, np.float32), {"a": np.ones(2, np.float16)}]
    assert reduced(given, buckets) is buckets
    assert buckets[1]["a"].tolist() == [1, 1]

    view = memoryview(bytearray(48)).cast("B").cast("f", (3, 4))
    reduced(x, view)
    assert np.array_equal(np.asarray(view), x)


def test_out_refused():
    x = np.ones(3, np.float32)
    read_only = np.ones(3, np.float32)
    read_only.flags.writeable = False
    refused = [
        (read_only, "read-only"),
        (memoryview(bytes(12)).cast("f"), "read-only"),
        (np.ones(4, np.float32), r"out is float32\(4,\), needs float32\(3,\)"),
        (np.ones(3), r"out is float64\(3,\)"),
        ([x], r"out is \[float32\(3,\)\]"),
    ]
    for out, hint in refused:
        with pytest.raises(skimp.InvalidArgument, match=hint):
            skimp.run_threads(1, lambda comm, out=out: comm.allreduce(x, out=out))
    with pytest.raises(skimp.InvalidArgument, match="read-only"):
        skimp.run_threads(1, lambda comm: comm.allreduce(np.float32(1), out=np.float32(0)))


def test_out_of_a_gather_that_overlaps():
    def worker(comm):
        everything = np.full((2, 3), -1, np.float32)
        everything[comm.rank] = comm.rank
        comm.allgather(everything[comm.rank], out=everything)
        return everything.tolist()

    assert skimp.run_threads(2, worker)[1] == [[0, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize("source", [FLOAT32, FLOAT16, FLOAT64])
def test_cast_to_bfloat16_rounds_as_ml_dtypes(source):
    bits = np.random.default_rng(0).integers(0, 2**32, 10_000, np.uint32).view(np.float32)
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1, 1 + 2**-8, 1 + 3 * 2**-8], np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.concatenate([bits, special]).astype(source.storage)
        ours = cast(values, source, BFLOAT16).view(ml_dtypes.bfloat16)
        theirs = values.astype(np.float32).astype(ml_dtypes.bfloat16)
    assert np.array_equal(ours, theirs, equal_nan=True)
    back = cast(ours.view(np.uint16), BFLOAT16, FLOAT32)
    assert np.array_equal(back, ours.astype(np.float32), equal_nan=True)
