"""Dynamic pruning: gradients at the compressed weights, updates on the dense ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from skimp.codecs import Codec, TopK
from skimp.collectives import Collectives
from skimp.dtypes import Values
from skimp.errors import InvalidArgument
from skimp.packing import Packed, Target
from skimp.payload import decode
from skimp.trees import describe

T = TypeVar("T")


class DynamicPruning:
    """Compresses a model while it is trained, with feedback: one for each rank.

    sparsity
        The share of weights that is zero at the end, from 0 to below 1.
    period
        Steps for which a mask is kept.
    warm_up
        Steps over which the sparsity rises from 0, by Zhu and Gupta's cubic; 0 is at once.
    precision
        A codec, `Quantize` say, that the kept weights pass through as well; with sparsity 0 it
        alone compresses, which trains a model of limited precision.

    The training loop takes gradients at the compressed weights but updates the dense ones, so an
    error of compression is not lost but corrected (error feedback), and a weight that was pruned
    can come back::

        compressed = pruning.step(weights)
        weights -= learning_rate * gradient(compressed)

    The mask keeps exactly the largest magnitudes of the whole array or bucket, ties to the lower
    index (`TopK`); replicas with the same bits have the same masks.

    Lin et al. 2020 (Dynamic model pruning with feedback); Zhu and Gupta 2017.

    >>> import numpy as np, skimp
    >>> skimp.DynamicPruning(0.5).step(np.array([1, -4, 3, 2], np.float32))
    array([ 0., -4.,  3.,  0.], dtype=float32)
    """

    def __init__(
        self,
        sparsity: float,
        period: int = 16,
        *,
        warm_up: int = 0,
        precision: Codec | None = None,
    ):
        if not 0 <= sparsity < 1:
            raise InvalidArgument(f"DynamicPruning: sparsity = {sparsity}, needs 0 <= s < 1")
        if period < 1 or warm_up < 0:
            raise InvalidArgument(
                f"DynamicPruning: period = {period} and warm_up = {warm_up}, need 1 or more and 0 "
                "or more"
            )
        if precision is not None and not isinstance(precision, Codec):
            raise InvalidArgument(f"DynamicPruning: precision = {precision!r} is not a codec")
        self._sparsity = sparsity
        self._period = period
        self._warm_up = warm_up
        self._precision = precision
        self._steps = 0
        self._mask: Values | None = None

    @property
    def steps(self) -> int:
        """Calls of `step` that have succeeded."""
        return self._steps

    @property
    def mask(self) -> Values | None:
        """True where weights are kept, one axis; None before the first step."""
        return None if self._mask is None else self._mask.copy()

    def sparsity_at(self, step: int) -> float:
        """The share that a mask made at this step prunes."""
        remaining = 1 - min(step, self._warm_up) / self._warm_up if self._warm_up else 0.0
        return self._sparsity * (1 - remaining**3)

    def step(self, weights: T, comm: Collectives | None = None) -> T:
        """The compressed weights, a new array or bucket of the same kind.

        Every `period` calls the mask is made anew. With `comm` it is then rank 0's on every rank,
        also where ranks have different weights, as between synchronisations of `LocalSGD`: what has
        changed in it travels by top-k, and the call is collective.
        """
        packed = Packed(weights)
        mask = self._mask
        if mask is not None and mask.size != packed.count:
            raise InvalidArgument(
                f"DynamicPruning: the mask has {mask.size} elements, got "
                f"{describe(packed.signature)}"
            )
        if mask is None or self._steps % self._period == 0:
            mask = self._new_mask(packed)
            if comm is not None:
                mask = _share(comm, mask, self._mask)
        compressed: T = _masked(packed, mask)
        if self._precision is not None:
            compressed = decode(self._precision.encode(compressed), like=compressed)
        self._mask = mask
        self._steps += 1
        return compressed

    def _new_mask(self, packed: Packed) -> Values:
        kept = packed.count - int(self.sparsity_at(self._steps) * packed.count)
        if kept == packed.count:
            return np.ones(packed.count, bool)
        # Zeros are raised to the smallest normal number, or kept ones could not be told.
        magnitudes = np.abs(packed.widened())
        magnitudes = np.maximum(magnitudes, np.finfo(magnitudes.dtype).tiny)
        largest = decode(TopK(k=kept).encode(magnitudes), like=magnitudes)
        mask: Values = largest != 0
        return mask

    def state_dict(self) -> dict[str, Values]:
        """Copies of everything, as numpy arrays."""
        if self._mask is None:
            return {}
        return {"mask": self._mask.copy(), "steps": np.array(self._steps, np.uint64)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a `state_dict`, or the file that np.load opens."""
        if set(state) not in (set(), {"mask", "steps"}):
            raise InvalidArgument(f"DynamicPruning: {sorted(state)} is not from a state_dict")
        mask = np.array(state["mask"]) if state else None
        if mask is not None and (mask.dtype != bool or mask.ndim != 1):
            raise InvalidArgument(
                f"DynamicPruning: the mask is {mask.dtype}{mask.shape}, needs one axis of bool"
            )
        self._mask = mask
        self._steps = int(state["steps"]) if state else 0

    def __repr__(self) -> str:
        return f"skimp.DynamicPruning({self._sparsity}, {self._period}) at step {self._steps}"


def _masked(packed: Packed, mask: Values) -> Any:
    """In one pass, by bits: what is pruned becomes +0, whatever it was."""
    target = Target(packed, None)
    bits = f"u{packed.values.itemsize}"
    np.multiply(
        packed.values.view(bits), mask.reshape(packed.values.shape), out=target.buffer.view(bits)
    )
    return target.finish()


def _share(comm: Collectives, mask: Values, before: Values | None) -> Values:
    """Rank 0's mask: how many elements have changed, then which."""
    if before is None:
        before = np.ones_like(mask)
    changed = mask != before
    count = int(comm.broadcast(np.array(np.count_nonzero(changed), np.float64)))
    if count == 0:
        return before
    codec = TopK(k=count, values="float16")
    ones: Values = comm.broadcast(changed.astype(np.float32), codec=codec)
    shared: Values = before ^ (ones != 0)
    return shared
