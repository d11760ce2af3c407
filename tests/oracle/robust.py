"""Reductions that compare the values of all ranks: median, trimmed mean, vote."""

from dataclasses import dataclass

import numpy as np

from tests.oracle.codec import add
from tests.oracle.dtypes import widen

ROBUST = ("median", "trimmed_mean", "vote")


def reduce(op: str, trim: int | None, values: list[np.ndarray]) -> np.ndarray:
    """One array of V from those of all ranks."""
    rows = np.stack(values)
    if op == "vote":
        return np.sign((rows > 0).sum(0) - (rows < 0).sum(0).astype(np.int64)).astype(rows.dtype)
    ranks = len(values)
    if op == "median":
        trim = (ranks - 1) // 2
    elif trim is None:
        trim = ranks // 4
    # By value, then −0 before 0; numpy puts NaN last.
    order = np.lexsort((~np.signbit(rows), rows), axis=0)
    ascending = np.take_along_axis(rows, order, 0)[trim : ranks - trim]
    total = ascending[0].copy()
    with np.errstate(all="ignore"):
        for row in ascending[1:]:
            total += row
        return total / total.dtype.type(len(ascending))


@dataclass(frozen=True)
class Robust:
    """A reduction by an owner, of decoded values and its own exact ones."""

    op: str
    trim: int | None
    inputs: list[np.ndarray]
    residuals: list[np.ndarray] | None

    def result(self, owner: int, begin: int, end: int, arrived: list[np.ndarray]) -> np.ndarray:
        """With what earlier results lacked: that is the owner's residual on its own shard."""
        own = widen(self.inputs[owner])[begin:end]
        total = reduce(self.op, self.trim, [*arrived[:owner], own, *arrived[owner + 1 :]])
        return total if self.residuals is None else add(total, self.residuals[owner][begin:end])
