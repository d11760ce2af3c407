"""Whether anything is lost: inputs + old residuals = delivered + new residuals, up to rounding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from skimp import dtypes
from skimp.bench.ranks import Array

Doubles = npt.NDArray[np.float64]

SPACING = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""From 1 to the next number of a type."""

SMALLEST = {"float64": 2.0**-1074, "float32": 2.0**-149, "float16": 2.0**-24, "bfloat16": 2.0**-133}
"""The smallest positive number of a type: what rounding may cost near zero."""


def count_lost(
    inputs: Sequence[Array],
    old_residuals: Sequence[Array],
    new_residuals: Sequence[Array],
    result: Array,
    scale: int = 1,
) -> int:
    """Elements that are not in balance, over the ranks whose arrays are given. The result is what
    was delivered ÷ scale: a mean, or a sum where scale is 1. NaN is never in balance.

    >>> one = np.ones(3, np.float32)
    >>> count_lost([one, one], [], [one, 0 * one], np.array([0.5, 1, 0.5], np.float32), scale=2)
    1
    """
    delivered = result.astype(np.float64) * scale
    difference = -delivered
    magnitude = np.abs(delivered)
    signed = [(+1, inputs), (+1, old_residuals), (-1, new_residuals)]
    for sign, arrays in signed:
        for array in arrays:
            wide = array.astype(np.float64)
            difference += sign * wide
            magnitude += np.abs(wide)

    # Each operation of the library, and of the sums above, costs up to half a spacing of something
    # that is at most `magnitude`. The result was rounded once more, to its own type.
    dtype = dtypes.of_numpy(result.dtype)
    wide_type = dtypes.accumulator(dtype).name
    operations = len(inputs) + 4
    allowed = operations * (SPACING[wide_type] * magnitude + SMALLEST[wide_type])
    allowed += SPACING[dtype.name] * np.abs(delivered) + scale * SMALLEST[dtype.name]
    return int(np.count_nonzero(~(np.abs(difference) <= allowed)))


def deviation(exact: Array, delivered: Array) -> Doubles:
    """Squared norms of their difference, and of the exact one: pieces of an array add up, and
    `relative_error` makes one number of them."""
    wide = exact.astype(np.float64)
    difference = delivered.astype(np.float64) - wide
    return np.array([np.dot(difference, difference), np.dot(wide, wide)])


def relative_error(squares: Doubles) -> float:
    """L2 norm of the difference ÷ that of the exact array."""
    return float(np.sqrt(squares[0] / (squares[1] or 1)))
