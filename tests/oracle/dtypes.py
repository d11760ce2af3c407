"""Element types, the accumulator's type V, and conversion between them."""

import ml_dtypes
import numpy as np

bfloat16 = np.dtype(ml_dtypes.bfloat16)

# In the order of their numbers on the wire, from 1.
DTYPES = (np.dtype(np.float32), np.dtype(np.float16), bfloat16, np.dtype(np.float64))


def dtype(name: str) -> np.dtype:
    return bfloat16 if name == "bfloat16" else np.dtype(name)


def finfo(dtype: np.dtype):
    return ml_dtypes.finfo(dtype)


def accumulator(dtype: np.dtype) -> np.dtype:
    """The specification's V."""
    return np.dtype(np.float64 if np.dtype(dtype) == np.float64 else np.float32)


def widen(array: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.asarray(array).astype(accumulator(array.dtype))


def narrow(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Rounds to nearest, ties to even; every NaN becomes the canonical one."""
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = np.asarray(values).astype(dtype)
    nan = np.array(np.nan, dtype)
    return np.where(np.isnan(values), np.abs(nan), rounded).astype(dtype)


def bits(array: np.ndarray) -> np.ndarray:
    """The array's elements as unsigned integers, to compare bit by bit."""
    array = np.ascontiguousarray(array)
    return array.view(f"u{array.dtype.itemsize}")
