"""Any array in, the same kind out: the one place where arrays are converted.

`as_array` sees an array of any library as numpy, without a copy, and knows the way back:

- numpy arrays and scalars, ml_dtypes.bfloat16 included;
- torch tensors on the CPU, detached from their graph;
- array.array;
- whatever has DLPack on the CPU (jax and others); results are made by the array's own
  ``__array_namespace__().asarray``, or are numpy arrays where it has none;
- whatever has the buffer protocol (memoryview, ctypes arrays); results are memoryviews.

Element types are float32, float16, bfloat16 and float64, in the machine's byte order.
"""

from __future__ import annotations

import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skimp.dtypes import ACCEPTED, BFLOAT16, BY_NAME, DType, Values, of_numpy
from skimp.errors import UnsupportedType
from skimp.frameworks import torch_of


@dataclass(frozen=True, slots=True)
class Array:
    """An array seen as numpy."""

    values: Values
    """Of ``dtype.storage``; shares the array's memory. Read-only if the array is."""

    dtype: DType

    restore: Callable[[Values], Any]
    """Makes an array of the same kind from contiguous values of any shape."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape


def as_array(x: Any) -> Array:
    """Sees `x` as numpy; `UnsupportedType` says what is accepted."""
    if isinstance(x, np.ndarray):
        return _from_numpy(x)
    if isinstance(x, np.generic):
        return _from_scalar(x)
    if (torch := torch_of(x)) is not None:
        return _from_torch(x, torch)
    if isinstance(x, array.array):
        return _from_python_array(x)
    if hasattr(x, "__dlpack_device__") or hasattr(x, "__cuda_array_interface__"):
        return _from_dlpack(x)
    try:
        view = memoryview(x)
    except TypeError:
        raise UnsupportedType(_not_an_array(x)) from None
    values = np.asarray(view)
    return Array(values, of_numpy(values.dtype), lambda values: values.data)


def _not_an_array(x: Any) -> str:
    kind = type(x).__name__
    if isinstance(x, (int, float, complex)):
        return f"a Python {kind} is not an array: pass np.asarray(x, np.float32)"
    return (
        f"{kind} is not an array that Skimp knows: pass a numpy array or torch tensor, or what has "
        f"DLPack or the buffer protocol, of {ACCEPTED}"
    )


def _same(values: Values) -> Values:
    return values


def _from_numpy(x: np.ndarray[Any, Any]) -> Array:
    if isinstance(x, np.ma.MaskedArray):
        raise UnsupportedType("a masked array has values that do not count: pass x.filled(0)")
    dtype = of_numpy(x.dtype)
    if dtype is BFLOAT16:
        bfloat16 = x.dtype
        return Array(np.asarray(x).view(np.uint16), dtype, lambda values: values.view(bfloat16))
    return Array(np.asarray(x), dtype, _same)


def _from_scalar(x: np.generic) -> Array:
    seen = _from_numpy(np.asarray(x))
    seen.values.flags.writeable = False
    return Array(seen.values, seen.dtype, lambda values: seen.restore(values)[()])


def _from_torch(x: Any, torch: Any) -> Array:
    if x.device.type != "cpu" or x.layout is not torch.strided:
        layout = str(x.layout).removeprefix("torch.")
        raise UnsupportedType(
            f"a {layout} tensor on {x.device} is not handled: pass x.cpu(), dense"
        )
    name = str(x.dtype).removeprefix("torch.")
    if name not in BY_NAME:
        raise UnsupportedType(f"elements of type {name} are not handled; convert to {ACCEPTED}")
    x = x.detach().resolve_neg()
    if x.dtype is not torch.bfloat16:
        return Array(x.numpy(), BY_NAME[name], torch.from_numpy)
    return Array(
        x.view(torch.int16).numpy().view(np.uint16),
        BFLOAT16,
        lambda values: torch.from_numpy(values.view(np.int16)).view(torch.bfloat16),
    )


def _from_python_array(x: array.array[Any]) -> Array:
    typecode = x.typecode
    values = np.asarray(memoryview(x))
    dtype = of_numpy(values.dtype)
    return Array(values, dtype, lambda values: array.array(typecode, values.tobytes()))


_DLPACK_HOST = (1, 3, 11)  # kDLCPU, and what CUDA and ROCm pin in host memory


def _from_dlpack(x: Any) -> Array:
    device = x.__dlpack_device__() if hasattr(x, "__dlpack_device__") else ("CUDA", "?")
    if device[0] not in _DLPACK_HOST:
        raise UnsupportedType(
            f"{type(x).__name__} is on device (type, index) = ({device[0]}, {device[1]}), where "
            "arrays are not handled in this use: copy it to host memory"
        )
    try:
        values = np.from_dlpack(x)
    except (BufferError, RuntimeError, TypeError, ValueError) as refusal:
        # numpy takes no bfloat16 by DLPack, but jax converts itself, with ml_dtypes.
        if not hasattr(x, "__array__"):
            raise UnsupportedType(f"{type(x).__name__} by DLPack: {refusal}") from refusal
        values = np.asarray(x)
    seen = _from_numpy(values)
    if not hasattr(x, "__array_namespace__"):
        return seen
    asarray = x.__array_namespace__().asarray
    return Array(seen.values, seen.dtype, lambda values: asarray(seen.restore(values)))
