"""What a call was given as one contiguous buffer, and where its result goes.

One array is used as it lies in memory, or copied if it is not contiguous. A bucket (arrays in
lists, tuples and dicts) is copied into one buffer: of its arrays' element type, or of their widest
accumulator if they have several; results come back in each array's own type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from skimp.arrays import Array, as_array
from skimp.device_arrays import as_device_array
from skimp.device_buckets import DeviceBucket, DeviceBucketTarget
from skimp.device_packing import DevicePacked, DeviceTarget
from skimp.dtypes import FLOAT32, FLOAT64, DType, Values, accumulator, cast
from skimp.errors import InvalidArgument, UnsupportedType
from skimp.trees import (
    CONTAINERS,
    Leaf,
    Signature,
    describe,
    first_leaf,
    flatten,
    map_leaves,
    rebuild,
)

HOST = -1
"""In place of a device's index, for the C functions."""


def packed(x: Any) -> AnyPacked:
    """The input of a call, wherever it lies."""
    array = as_device_array(first_leaf(x))
    if array is None:
        return Packed(x)
    return DeviceBucket(x) if isinstance(x, CONTAINERS) else DevicePacked(x, array)


class Packed:
    """The input of a call, in host memory."""

    __slots__ = ("dtype", "given", "leaves", "signature", "values")

    place = HOST, 0
    """Device and stream, for the C functions."""
    device: int | None = None

    def __init__(self, x: Any):
        self.given = x
        self.leaves: list[Array] = []
        self.signature: Signature = flatten(x, self.leaves, as_array)
        self.dtype: DType
        self.values: Values
        if self.is_bucket:
            self.dtype = _common_dtype(self.leaves)
            self.values = np.empty(
                sum(leaf.values.size for leaf in self.leaves), self.dtype.storage
            )
            for leaf, part in zip(self.leaves, self.parts(self.values), strict=True):
                part[...] = cast(leaf.values, leaf.dtype, self.dtype)
        else:
            leaf = self.leaves[0]
            self.dtype = leaf.dtype
            self.values = leaf.values if leaf.values.flags.c_contiguous else leaf.values.copy("C")

    @property
    def is_bucket(self) -> bool:
        return isinstance(self.given, CONTAINERS)

    @property
    def count(self) -> int:
        return self.values.size

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of each array."""
        return tuple(leaf.values.shape for leaf in self.leaves)

    def target(self, out: Any, lead: tuple[int, ...] = (), divisor: int = 1) -> Target:
        """Where the result of a call goes."""
        return Target(self, out, lead, divisor)

    def widened(self) -> Values:
        """The values in the accumulator's type, of one axis; perhaps in the memory given."""
        return cast(self.values, self.dtype, accumulator(self.dtype)).reshape(-1)

    def parts(self, values: Values) -> Iterator[Values]:
        """The part of each array in buckets that lie along the last axis."""
        begin = 0
        for leaf in self.leaves:
            end = begin + leaf.values.size
            yield values[..., begin:end].reshape(values.shape[:-1] + leaf.values.shape)
            begin = end


class Target:
    """The output of a call on `packed`: `buffer` while it runs, `finish()` after.

    `lead` are axes that the result has before those of the input; the first axis of the input is
    divided by `divisor`. Without `out` the result is new, of the input's kind.
    """

    __slots__ = ("buffer", "out", "out_leaves", "packed")

    def __init__(self, packed: Packed, out: Any, lead: tuple[int, ...] = (), divisor: int = 1):
        self.packed = packed
        self.out = out
        self.out_leaves: list[Array] = []
        expected = packed.signature
        if lead or divisor != 1:
            expected = _result_signature(expected, lead, divisor)
        if out is not None:
            given = flatten(out, self.out_leaves, as_array)
            if given != expected:
                raise InvalidArgument(f"out is {describe(given)}, needs {describe(expected)}")
            if not all(leaf.values.flags.writeable for leaf in self.out_leaves):
                raise InvalidArgument("out is read-only")
        self.buffer: Values
        if packed.is_bucket:
            self.buffer = np.empty((*lead, packed.count), packed.dtype.storage)
        elif out is not None and _usable(self.out_leaves[0].values, packed.values):
            self.buffer = self.out_leaves[0].values
        else:
            assert isinstance(expected, Leaf)
            self.buffer = np.empty(expected.shape, packed.dtype.storage)

    def finish_with(self, widened: Values) -> Any:
        """The result that has these values, as `Packed.widened` gives them."""
        values = cast(widened, accumulator(self.packed.dtype), self.packed.dtype)
        self.buffer[...] = values.reshape(self.buffer.shape)
        return self.finish()

    def finish(self) -> Any:
        """The result; `out` if there is one."""
        if not self.packed.is_bucket:
            if self.out is None:
                return self.packed.leaves[0].restore(self.buffer)
            if self.out_leaves[0].values is not self.buffer:
                self.out_leaves[0].values[...] = self.buffer
            return self.out
        leaves = self.packed.leaves
        parts = [
            cast(part, self.packed.dtype, leaf.dtype)
            for leaf, part in zip(leaves, self.packed.parts(self.buffer), strict=True)
        ]
        if self.out is None:
            results = (leaf.restore(part) for leaf, part in zip(leaves, parts, strict=True))
            return rebuild(self.packed.given, results)
        for out_leaf, part in zip(self.out_leaves, parts, strict=True):
            out_leaf.values[...] = part
        return self.out


def copied(x: Any) -> Any:
    """An array or bucket of the same kind with memory of its own."""
    packed = Packed(x)
    return rebuild(x, (leaf.restore(leaf.values.copy("C")) for leaf in packed.leaves))


def require_one_array(call: str, packed: AnyPacked) -> None:
    if packed.is_bucket:
        raise UnsupportedType(f"{call} takes one array, not a {type(packed.given).__name__}")


def _common_dtype(leaves: list[Array]) -> DType:
    dtypes = {leaf.dtype for leaf in leaves}
    if len(dtypes) == 1:
        return dtypes.pop()
    return FLOAT64 if FLOAT64 in dtypes else FLOAT32


def _result_signature(signature: Signature, lead: tuple[int, ...], divisor: int) -> Signature:
    def result(leaf: Leaf) -> Leaf:
        first = tuple(size // divisor for size in leaf.shape[:1])
        return Leaf(leaf.dtype, lead + first + leaf.shape[1:])

    return map_leaves(signature, result)


def _usable(out: Values, values: Values) -> bool:
    """Whether a call may write to `out` while it reads `values`: not if they overlap by parts."""
    if not out.flags.c_contiguous:
        return False
    if not np.may_share_memory(out, values):
        return True
    return out.ctypes.data == values.ctypes.data and out.nbytes == values.nbytes


AnyPacked = Packed | DevicePacked | DeviceBucket
"""The input of a call."""
AnyTarget = Target | DeviceTarget | DeviceBucketTarget
"""The output of one."""
