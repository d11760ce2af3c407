"""Lists, tuples and dicts of arrays on a device, as one buffer there: what `skimp.packing` does for
arrays in host memory, by one kernel each way."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from skimp import _calls
from skimp.device_arrays import DeviceArray, as_device_array
from skimp.dtypes import FLOAT32, DType, accumulator
from skimp.errors import InvalidArgument, UnsupportedType
from skimp.trees import Leaf, Signature, describe, flatten, map_leaves, rebuild


class DeviceBucket:
    """The input of a call: arrays of one device and one stream, copied to a buffer in that stream.

    The buffer's elements are those of the arrays, or float32 where they are of several types;
    float64 stands beside no other.
    """

    __slots__ = ("_values", "dtype", "given", "leaves", "place", "signature")

    is_bucket = True

    def __init__(self, x: Any):
        self.given = x
        self.leaves: list[DeviceArray] = []
        self.signature: Signature = flatten(x, self.leaves, _seen)
        self.place = _place(self.leaves)
        self.dtype = _common_dtype(self.leaves)
        self._values: DeviceArray | None = None

    @property
    def values(self) -> DeviceArray:
        """The buffer; filled when first asked for, which a plan's ``like=`` never is."""
        if self._values is None:
            self._values = self.buffer(())
            parts = _parts(self.leaves)
            _calls.pack(parts, self._values.address, self.dtype.code, self.device, self.stream)
        return self._values

    @property
    def device(self) -> int:
        return self.place[0]

    @property
    def stream(self) -> int:
        return self.place[1]

    @property
    def count(self) -> int:
        return sum(leaf.count for leaf in self.leaves)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of each array."""
        return tuple(leaf.shape for leaf in self.leaves)

    def buffer(self, lead: tuple[int, ...]) -> DeviceArray:
        """New memory for such buckets, made by the library of its arrays."""
        shape = (*lead, self.count)
        like = next((leaf for leaf in self.leaves if leaf.dtype is self.dtype), self.leaves[0])
        its = like.dtype.storage.itemsize
        nbytes = prod(shape) * self.dtype.storage.itemsize
        memory = like.empty((nbytes // its,))
        seen = _seen(memory)
        return DeviceArray(
            seen.address, shape, self.dtype, self.stream, False, like.empty, owner=memory
        )

    def target(self, out: Any, lead: tuple[int, ...] = (), divisor: int = 1) -> DeviceBucketTarget:
        """As `skimp.packing.Target`: where the result of a call goes."""
        if divisor != 1:
            raise UnsupportedType(f"a {type(self.given).__name__} is not dealt to ranks")
        return DeviceBucketTarget(self, out, lead)


class DeviceBucketTarget:
    """The output of a call: `buffer` while it runs, `finish()` after."""

    __slots__ = ("buffer", "leaves", "packed", "result")

    def __init__(self, packed: DeviceBucket, out: Any, lead: tuple[int, ...]):
        self.packed = packed
        self.leaves: list[DeviceArray] = []
        if out is None:
            results = [leaf.empty(lead + leaf.shape) for leaf in packed.leaves]
            self.leaves.extend(_seen(result) for result in results)
            self.result = rebuild(packed.given, iter(results))
        else:
            self.result = out
            given = flatten(out, self.leaves, _seen)
            expected = map_leaves(
                packed.signature, lambda leaf: Leaf(leaf.dtype, lead + leaf.shape)
            )
            if given != expected:
                raise InvalidArgument(f"out is {describe(given)}, needs {describe(expected)}")
            if any(leaf.read_only for leaf in self.leaves):
                raise InvalidArgument("out is read-only")
            if any(leaf.count and leaf.device != packed.device for leaf in self.leaves):
                raise InvalidArgument(f"out is not on device {packed.device}, where x is")
        self.buffer = packed.buffer(lead)

    def finish(self) -> Any:
        """The result; `out` if there is one."""
        packed = self.packed
        times = prod(self.buffer.shape[:-1])
        parts = _parts(self.leaves, times)
        _calls.unpack(self.buffer.address, packed.dtype.code, parts, packed.device, packed.stream)
        return self.result


def _seen(x: Any) -> DeviceArray:
    array = as_device_array(x)
    if array is None:
        raise UnsupportedType(
            f"{type(x).__name__} in host memory, in a bucket whose first array is on a device: "
            "all of them lie in one place"
        )
    return array


def _place(leaves: Sequence[DeviceArray]) -> tuple[int, int]:
    """Device and stream of all arrays."""
    devices = {leaf.device for leaf in leaves if leaf.count} or {0}
    if len(devices) > 1:
        raise UnsupportedType(f"a bucket's arrays lie on one device, not on {sorted(devices)}")
    streams = {leaf.stream for leaf in leaves}
    if len(streams) > 1:
        raise UnsupportedType(
            f"a bucket's arrays are used in one stream, not in {len(streams)}: pass them apart"
        )
    return devices.pop(), streams.pop()


def _common_dtype(leaves: Sequence[DeviceArray]) -> DType:
    dtypes = {leaf.dtype for leaf in leaves}
    if len(dtypes) == 1:
        return dtypes.pop()
    if any(accumulator(dtype) is not FLOAT32 for dtype in dtypes):
        raise UnsupportedType(
            "a bucket on a device has float64 beside narrower arrays: convert one"
        )
    return FLOAT32


def _parts(leaves: Sequence[DeviceArray], times: int = 1) -> list[tuple[int, int, int]]:
    """Address, count and type code of the arrays, or of each of their `times` equal parts along the
    first axis, one bucket after the other."""
    return [
        (leaf.address + i * (leaf.nbytes // times), leaf.count // times, leaf.dtype.code)
        for i in range(times)
        for leaf in leaves
    ]
