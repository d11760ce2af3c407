"""Arrays in a GPU's memory, as address, count and stream.

`as_device_array` knows torch tensors on CUDA and whatever has ``__cuda_array_interface__`` (cupy,
numba, jax). The stream is the one that the array's library works in at the moment: torch's current
stream, or what the interface says (version 3); where it says none, the default stream.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skimp import _calls
from skimp.dtypes import BFLOAT16, BY_NAME, DType, of_numpy
from skimp.errors import UnsupportedType


@dataclass(frozen=True, slots=True)
class DeviceArray:
    """A contiguous array in a device's memory."""

    address: int
    shape: tuple[int, ...]
    dtype: DType
    stream: int
    """Of its device; 0 is the default stream."""

    read_only: bool
    empty: Callable[[tuple[int, ...]], Any]
    """Makes an array of the same kind and element type on the same device."""

    owner: object = None
    """Of the memory, where nobody else holds it."""

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.count * self.dtype.storage.itemsize

    @property
    def device(self) -> int:
        """Whose memory it is; 0 for one without elements, which has none."""
        return _calls.device_of(self.address) if self.count else 0

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """As those of a bucket that it is alone in."""
        return (self.shape,)


def as_device_array(x: Any) -> DeviceArray | None:
    """Sees `x` as a device array; None if it lies in host memory, or is a bucket."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        return _from_torch(x, torch) if x.device.type == "cuda" else None
    interface = getattr(x, "__cuda_array_interface__", None)
    return None if interface is None else _from_interface(x, interface)


def _from_torch(x: Any, torch: Any) -> DeviceArray:
    name = str(x.dtype).removeprefix("torch.")
    if name not in BY_NAME:
        raise UnsupportedType(f"elements of type {name} are not handled")
    if x.layout is not torch.strided or not x.is_contiguous() or x.is_neg():
        raise UnsupportedType("a tensor on a device must be contiguous: pass x.contiguous()")
    return DeviceArray(
        x.data_ptr(),
        tuple(x.shape),
        BY_NAME[name],
        torch.cuda.current_stream(x.device).cuda_stream,
        False,
        lambda shape: torch.empty(shape, dtype=x.dtype, device=x.device),
    )


def _from_interface(x: Any, interface: dict[str, Any]) -> DeviceArray:
    if interface.get("mask") is not None:
        raise UnsupportedType("a masked array has values that do not count")
    dtype = _dtype(x, interface)
    shape, strides = interface["shape"], interface.get("strides")
    if strides is not None and not _is_contiguous(shape, strides, dtype.storage.itemsize):
        raise UnsupportedType("an array on a device must be contiguous, in C order")
    return DeviceArray(
        interface["data"][0] or 0,
        tuple(shape),
        dtype,
        _stream(interface),
        bool(interface["data"][1]),
        lambda shape: _empty(x, shape),
    )


def _dtype(x: Any, interface: dict[str, Any]) -> DType:
    """The interface has no bfloat16; libraries say two opaque bytes, and `x.dtype` has its name."""
    if str(getattr(x, "dtype", "")) == BFLOAT16.name:
        return BFLOAT16
    return of_numpy(np.dtype(interface["typestr"]))


def _stream(interface: dict[str, Any]) -> int:
    """The interface calls the default stream 1, where CUDA says 0; other numbers are CUDA's."""
    stream = interface.get("stream")
    return 0 if stream is None or stream == 1 else int(stream)


def _is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> bool:
    expected = itemsize
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size > 1 and stride != expected:
            return 0 in shape
        expected *= size
    return True


def _empty(x: Any, shape: tuple[int, ...]) -> Any:
    """By the array's own library, if its arrays can be written to."""
    namespace = x.__array_namespace__() if hasattr(x, "__array_namespace__") else None
    if namespace is None or namespace.__name__.split(".")[0] == "jax":
        raise UnsupportedType(
            f"no {type(x).__name__} can be made to write to: decode takes a torch tensor or a cupy "
            "array as like=, collectives as out="
        )
    return namespace.empty(shape, dtype=x.dtype)
