"""The element types that Skimp handles, and how numpy stores them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skimp.errors import InvalidArgument, UnsupportedType

Values = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class DType:
    """An element type. bfloat16, which numpy lacks, is stored as the bits of a uint16."""

    name: str
    code: int
    storage: np.dtype[Any]


FLOAT32 = DType("float32", 1, np.dtype(np.float32))
FLOAT16 = DType("float16", 2, np.dtype(np.float16))
BFLOAT16 = DType("bfloat16", 3, np.dtype(np.uint16))
FLOAT64 = DType("float64", 4, np.dtype(np.float64))

BY_CODE = {dtype.code: dtype for dtype in (FLOAT32, FLOAT16, BFLOAT16, FLOAT64)}
BY_NAME = {dtype.name: dtype for dtype in BY_CODE.values()}
ACCEPTED = ", ".join(BY_NAME)

_BY_NUMPY = {dtype.storage: dtype for dtype in (FLOAT32, FLOAT16, FLOAT64)}


def named(name: str) -> DType:
    """The element type of a name; InvalidArgument lists the names there are."""
    if name not in BY_NAME:
        raise InvalidArgument(f"dtype = {name!r} is none of {ACCEPTED}")
    return BY_NAME[name]


def of_numpy(dtype: np.dtype[Any]) -> DType:
    """The element type of a numpy array, ml_dtypes.bfloat16 included."""
    found = _BY_NUMPY.get(dtype)
    if found is None and dtype.name == "bfloat16":
        found = BFLOAT16
    if found is None:
        raise UnsupportedType(f"elements of type {dtype} are not handled; convert to {ACCEPTED}")
    return found


def numpy_bfloat16() -> np.dtype[Any]:
    """What ml_dtypes adds to numpy."""
    try:
        import ml_dtypes
    except ImportError:
        raise UnsupportedType(
            "numpy has no bfloat16: install ml_dtypes, or pass like= an array that has"
        ) from None
    bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return bfloat16


def accumulator(dtype: DType) -> DType:
    """What sums of the type, and its residuals, are kept in."""
    return FLOAT64 if dtype is FLOAT64 else FLOAT32


def cast(values: Values, source: DType, target: DType) -> Values:
    """Converts stored values, rounding to nearest, ties to even.

    >>> one = np.array([0x3F80], np.uint16)
    >>> cast(one, BFLOAT16, FLOAT32)
    array([1.], dtype=float32)
    """
    if source is target:
        return values
    if source is BFLOAT16:
        values = (values.astype(np.uint32) << 16).view(np.float32)
    if target is not BFLOAT16:
        return values.astype(target.storage)
    bits = np.atleast_1d(values.astype(np.float32)).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    rounded[(bits & 0x7FFFFFFF) > 0x7F800000] = 0x7FC0  # NaN
    return rounded.astype(np.uint16).reshape(values.shape)
