"""Sparse arrays as input: entries that the caller has selected are sent without loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from skimp import _calls
from skimp.arrays import Array, as_array
from skimp.errors import InvalidArgument, UnsupportedType
from skimp.frameworks import torch_of

Indices = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]


class Sparse:
    """An array of `count` elements, zero but for entries: `values` at `indices`.

    indices
        Integers from 0 to below `count`, one axis, in any order. The values of a repeated index
        are added from left to right when the array is used. int32 and int64 are used as they are.
    values
        As many: an array of any kind that skimp.arrays knows, one axis.

    Results of collectives have ascending int64 indices, none of them twice, and values of the kind
    and type of the input's. Raises `InvalidArgument` for indices and shapes that do not fit.

    >>> import numpy as np, skimp
    >>> def worker(comm):
    ...     gradient = skimp.Sparse([3, comm.rank, 3], np.ones(3, np.float32), count=1000)
    ...     return comm.allreduce(gradient, op="sum")
    >>> total = skimp.run_threads(2, worker)[0]
    >>> total.indices, total.values
    (array([0, 1, 3]), array([1., 1., 4.], dtype=float32))
    >>> total.to_dense()[:4]
    array([1., 1., 0., 4.], dtype=float32)
    """

    __slots__ = ("_array", "count", "indices", "values")

    def __init__(self, indices: Any, values: Any, count: int):
        self.count = int(count)
        self.values = values
        self.indices = _as_indices(indices)
        self._array: Array = as_array(values)
        shapes = self.indices.shape, self._array.values.shape
        if shapes[0] != shapes[1] or len(shapes[0]) != 1:
            raise InvalidArgument(
                f"Sparse: indices of shape {shapes[0]} and values of shape {shapes[1]}; "
                "both need one axis of equal length"
            )
        outside = (self.indices < 0) | (self.indices >= self.count)
        if outside.any():
            place = int(outside.argmax())
            raise InvalidArgument(
                f"Sparse: index {self.indices[place]} at position {place} is not from 0 to below "
                f"count = {self.count}"
            )

    @property
    def entries(self) -> int:
        """How many there are."""
        return self.indices.size

    def to_dense(self, out: Any = None) -> Any:
        """All elements: an array of the values' kind, or `out`, of `count` elements."""
        wanted = (self.count,)
        if out is None:
            dense = np.empty(wanted, self._array.dtype.storage)
            _calls.sparse_to_dense(*self._parts(), dense)
            return self._array.restore(dense)
        target = as_array(out)
        if target.dtype is not self._array.dtype or target.values.shape != wanted:
            raise InvalidArgument(
                f"out is {target.dtype.name} of shape {target.values.shape}, needs "
                f"{self._array.dtype.name} of shape {wanted}"
            )
        if not target.values.flags.writeable:
            raise InvalidArgument("out is read-only")
        if target.values.flags.c_contiguous:
            _calls.sparse_to_dense(*self._parts(), target.values)
        else:
            target.values[...] = as_array(self.to_dense()).values
        return out

    def _parts(self) -> tuple[Any, int, Any, int, int]:
        """As the C interface takes them."""
        values = np.ascontiguousarray(self._array.values)
        return self.indices, self.indices.itemsize, values, self._array.dtype.code, self.count

    def _like(self, indices: bytearray, values: bytearray, count: int) -> Sparse:
        """One with values of the same kind, from what the C interface gives."""
        restored = self._array.restore(np.frombuffer(values, self._array.dtype.storage))
        return Sparse(np.frombuffer(indices, np.int64), restored, count)

    def __repr__(self) -> str:
        return f"<skimp.Sparse: {self.entries} of {self.count} elements, {self._array.dtype.name}>"


def as_sparse(x: Any) -> Sparse | None:
    """Sees a sparse vector of scipy, cupyx or torch as `Sparse`; None for what is not sparse."""
    if isinstance(x, Sparse):
        return x
    if (torch := torch_of(x)) is not None:
        return _from_torch(x) if x.layout is torch.sparse_coo else None
    return _from_coordinates(x) if hasattr(x, "tocoo") else None


def _from_torch(x: Any) -> Sparse:
    if x.sparse_dim() != 1 or x.dense_dim() != 0 or x.device.type != "cpu":
        raise UnsupportedType(
            f"a sparse tensor of shape {tuple(x.shape)} with {x.sparse_dim()} sparse axes on "
            f"{x.device} is not handled: pass a sparse vector on the CPU"
        )
    x = x.detach()
    return Sparse(x._indices()[0].numpy(), x._values(), x.shape[0])


def _from_coordinates(x: Any) -> Sparse:
    """A vector, or a matrix of one row or column."""
    shape = tuple(x.shape)
    if len(shape) != 1 and not (len(shape) == 2 and 1 in shape):
        raise UnsupportedType(
            f"a sparse {type(x).__name__} of shape {shape} is not handled: pass a vector, or a "
            "matrix of one row or one column"
        )
    entries = x.tocoo()
    axes = (entries.row, entries.col) if len(shape) == 2 else entries.coords
    along = 0 if len(shape) == 1 or shape[1] == 1 else 1
    return Sparse(_on_host(axes[along]), _on_host(entries.data), shape[along])


def _on_host(x: Any) -> Any:
    """Of cupy, a copy in host memory."""
    return x.get() if hasattr(x, "__cuda_array_interface__") else x


def _as_indices(indices: Any) -> Indices:
    found = np.asarray(indices)
    if found.size == 0 and found.dtype.kind == "f":  # of an empty list
        found = found.astype(np.int64)
    if found.dtype.kind not in "iu" or found.dtype == np.uint64:
        raise UnsupportedType(f"Sparse: indices of type {found.dtype} are not int32 or int64")
    if found.dtype not in (np.dtype(np.int32), np.dtype(np.int64)):
        found = found.astype(np.int64)
    return np.ascontiguousarray(found)
