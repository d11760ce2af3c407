"""Arrays in a GPU's memory, as address, count and stream.

`as_device_array` knows torch tensors on CUDA, whatever has ``__cuda_array_interface__`` (cupy,
numba, jax) and whatever has DLPack. The stream is the one that the array's library works in at the
moment: torch's current stream, or what the interface says (version 3); where it says none, the
default stream. DLPack does not say which that is, but takes one: the default stream, which the
library then has wait for its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skimp import _calls
from skimp.dtypes import ACCEPTED, BFLOAT16, BY_NAME, DType, of_numpy
from skimp.errors import UnsupportedType
from skimp.frameworks import torch_of


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
    if isinstance(x, np.ndarray):
        return None
    if (torch := torch_of(x)) is not None:
        return _from_torch(x, torch) if x.device.type == "cuda" else None
    interface = getattr(x, "__cuda_array_interface__", None)
    if interface is not None:
        return _from_interface(x, interface)
    if hasattr(x, "__dlpack_device__") and x.__dlpack_device__()[0] in _DLPACK_DEVICES:
        return _from_dlpack(x)
    return None


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
    _require_contiguous(shape, strides, dtype.storage.itemsize)
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


_DLPACK_DEVICES = (2, 13)  # kDLCUDA, kDLCUDAManaged
_DLPACK_KINDS = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex", 6: "bool"}
_DEFAULT_STREAM = 1  # to DLPack


def _from_dlpack(x: Any) -> DeviceArray:
    capsule = _capsule_of(x)
    device_type, address, shape, strides, dtype, read_only = _calls.dlpack(capsule)
    if device_type not in _DLPACK_DEVICES:
        raise UnsupportedType(
            f"{type(x).__name__} by DLPack: said to be on a CUDA device, is of type {device_type}"
        )
    code, bits, lanes = dtype
    name = _DLPACK_KINDS.get(code, f"code {code} of DLPack, bits ") + str(bits)
    if lanes != 1:
        name += f"x{lanes}"
    if name not in BY_NAME:
        raise UnsupportedType(f"elements of type {name} are not handled; convert to {ACCEPTED}")
    _require_contiguous(shape, strides, 1)
    return DeviceArray(
        address, shape, BY_NAME[name], 0, read_only, lambda shape: _empty(x, shape), capsule
    )


def _capsule_of(x: Any) -> object:
    try:
        try:
            return x.__dlpack__(stream=_DEFAULT_STREAM, max_version=(1, 0), copy=False)
        except TypeError:  # made before capsules had versions
            return x.__dlpack__(stream=_DEFAULT_STREAM)
    except (BufferError, RuntimeError, TypeError, ValueError) as refusal:
        raise UnsupportedType(f"{type(x).__name__} by DLPack: {refusal}") from refusal


def _require_contiguous(
    shape: tuple[int, ...], strides: tuple[int, ...] | None, itemsize: int
) -> None:
    """`itemsize` in the unit of the strides; None are those of C order."""
    if strides is None or 0 in shape:
        return
    expected = itemsize
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size > 1 and stride != expected:
            raise UnsupportedType("an array on a device must be contiguous, in C order")
        expected *= size


def _empty(x: Any, shape: tuple[int, ...]) -> Any:
    """By the array's own library, if its arrays can be written to."""
    namespace = x.__array_namespace__() if hasattr(x, "__array_namespace__") else None
    if namespace is None or namespace.__name__.split(".")[0] == "jax":
        raise UnsupportedType(
            f"no {type(x).__name__} can be made to write to: decode takes a torch tensor or a cupy "
            "array as like=, collectives as out="
        )
    return namespace.empty(shape, dtype=x.dtype)
