"""`skimp.Sparse`, and the sparse vectors of other libraries."""

import sys
import types

import numpy as np
import pytest
import skimp

from tests import oracle


@pytest.mark.parametrize(
    ("indices", "values", "count", "words"),
    [
        ([0, 8], np.ones(2, np.float32), 8, "index 8 at position 1 is not from 0 to below count"),
        ([-1], np.ones(1, np.float32), 8, "index -1 at position 0"),
        ([0], np.ones(1, np.float32), 0, "index 0"),
        ([0, 1], np.ones(1, np.float32), 8, "equal length"),
        ([[0, 1]], np.ones((1, 2), np.float32), 8, "one axis"),
        ([0.5], np.ones(1, np.float32), 8, "indices of type float64"),
        ([True], np.ones(1, np.float32), 8, "indices of type bool"),
        ([0], np.ones(1, np.int32), 8, "int32"),
        ([0], 1.0, 8, "not an array"),
    ],
)
def test_bad_arguments(indices, values, count, words):
    with pytest.raises((skimp.InvalidArgument, skimp.UnsupportedType), match=words):
        skimp.Sparse(indices, values, count)


@pytest.mark.parametrize("index_type", [np.int8, np.uint16, np.int32, np.int64])
def test_dense_form(index_type):
    x = skimp.Sparse(np.array([5, 1, 5], index_type), np.array([1, 2, 4], np.float16), 7)
    assert x.to_dense().tolist() == [0, 2, 0, 0, 0, 5, 0] and x.to_dense().dtype == np.float16
    every_other = np.full(14, 9, np.float16)[::2]
    assert x.to_dense(every_other) is every_other and every_other.tolist() == [0, 2, 0, 0, 0, 5, 0]
    assert repr(x) == "<skimp.Sparse: 3 of 7 elements, float16>"


def test_values_of_other_kinds_come_back():
    bfloat16 = np.array([1, 2], oracle.bfloat16)
    views = (memoryview(np.ones(2, np.float32)), np.ones(2, np.float64), bfloat16)
    for values in views:
        [result] = skimp.run_threads(
            1, lambda comm, v=values: comm.allreduce(skimp.Sparse([4, 2], v, 8))
        )
        assert type(result.values) is type(values)
        assert np.asarray(result.values).dtype == np.asarray(values).dtype


def summed(x):
    return skimp.run_threads(2, lambda comm: comm.allreduce(x, op="sum"))[1]


def test_scipy():
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.array([0, 3, 0, 0, -2, 0], np.float32)
    column = sparse.csc_matrix(dense[:, None])
    row = sparse.csr_array(dense[None])
    vector = sparse.coo_array(([-2, 1, 2], ([4, 1, 1],)), shape=(6,), dtype=np.float32)
    for x in (column, row, vector, sparse.dok_array(row), sparse.coo_array(row)):
        result = summed(x)
        assert isinstance(result, skimp.Sparse)
        assert result.to_dense().tolist() == (2 * dense).tolist()
    with pytest.raises(skimp.UnsupportedType, match=r"shape \(2, 3\)"):
        skimp.run_threads(1, lambda comm: comm.allreduce(sparse.csr_array(dense.reshape(2, 3))))


def test_torch():
    torch = pytest.importorskip("torch")
    x = torch.sparse_coo_tensor([[4, 1, 1]], torch.tensor([-2.0, 1.0, 2.0]), (6,))
    result = summed(x.requires_grad_())
    assert isinstance(result.values, torch.Tensor)
    assert torch.equal(result.to_dense(), torch.tensor([0.0, 6, 0, 0, -4, 0]))
    with pytest.raises(skimp.UnsupportedType, match="sparse vector"):
        summed(torch.eye(3).to_sparse())


def test_what_looks_like_torch(monkeypatch):
    """A stand-in with torch's names: indices may be unsorted, repeated, of one sparse axis."""

    class Tensor:
        shape, layout = (6,), "sparse_coo"
        device = types.SimpleNamespace(type="cpu")
        sparse_dim = staticmethod(lambda: 1)
        dense_dim = staticmethod(lambda: 0)

        def detach(self):
            return self

        def _indices(self):
            return [types.SimpleNamespace(numpy=lambda: np.array([4, 1, 1]))]

        def _values(self):
            return np.array([-2, 1, 2], np.float32)

    torch = types.SimpleNamespace(Tensor=Tensor, sparse_coo="sparse_coo")
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert summed(Tensor()).to_dense().tolist() == [0, 6, 0, 0, -4, 0]


def test_what_looks_like_cupyx():
    """A stand-in for a matrix on a device: its arrays are fetched."""

    class OnDevice:
        __cuda_array_interface__ = None

        def __init__(self, values):
            self.values = np.asarray(values)

        def get(self):
            return self.values

    class Matrix:
        shape = (1, 6)
        row, col = OnDevice([0, 0]), OnDevice(np.array([4, 1], np.int32))
        data = OnDevice(np.array([-2, 3], np.float32))

        def tocoo(self):
            return self

    assert summed(Matrix()).to_dense().tolist() == [0, 6, 0, 0, -4, 0]
