"""The input and the result of a call on a device: as `skimp.packing` has them for host memory, but
never copied."""

from __future__ import annotations

from typing import Any

from skimp.device_arrays import DeviceArray, as_device_array
from skimp.dtypes import DType
from skimp.errors import InvalidArgument, UnsupportedType
from skimp.trees import Leaf, describe


class DevicePacked:
    """The input of a call."""

    __slots__ = ("given", "place", "signature", "values")

    is_bucket = False

    def __init__(self, x: Any, values: DeviceArray):
        self.given = x
        self.values = values
        self.signature = Leaf(values.dtype.name, values.shape)
        self.place = values.device, values.stream

    @property
    def dtype(self) -> DType:
        return self.values.dtype

    @property
    def count(self) -> int:
        return self.values.count

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return (self.values.shape,)

    @property
    def device(self) -> int:
        return self.place[0]

    def target(self, out: Any, lead: tuple[int, ...] = (), divisor: int = 1) -> DeviceTarget:
        """As `skimp.packing.Target`: where the result of a call goes."""
        shape = self.values.shape
        expected = Leaf(
            self.dtype.name, lead + tuple(size // divisor for size in shape[:1]) + shape[1:]
        )
        if out is None:
            return DeviceTarget(self.values.empty(expected.shape), self)
        seen = as_device_array(out)
        if seen is None:
            raise InvalidArgument(f"out is a {type(out).__name__} in host memory, x on a device")
        if (given := Leaf(seen.dtype.name, seen.shape)) != expected:
            raise InvalidArgument(f"out is {describe(given)}, needs {describe(expected)}")
        if seen.count and seen.device != self.device:
            raise InvalidArgument(f"out is on device {seen.device}, x on device {self.device}")
        if seen.read_only:
            raise InvalidArgument("out is read-only")
        if _overlap(seen, self.values):
            raise InvalidArgument("out overlaps x in part: pass x itself, or other memory")
        return DeviceTarget(out, self)


class DeviceTarget:
    """The output of a call: `buffer` while it runs, `finish()` after."""

    __slots__ = ("buffer", "packed", "result")

    def __init__(self, result: Any, packed: DevicePacked):
        buffer = as_device_array(result)
        if buffer is None:
            raise UnsupportedType(f"a new {type(result).__name__} does not lie on a device")
        self.buffer = buffer
        self.packed = packed
        self.result = result

    def finish(self) -> Any:
        return self.result


def _overlap(a: DeviceArray, b: DeviceArray) -> bool:
    """By parts: a call may write to what it reads only if that is the same array."""
    if a.address == b.address and a.nbytes == b.nbytes:
        return False
    return a.address < b.address + b.nbytes and b.address < a.address + a.nbytes
