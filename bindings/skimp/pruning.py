"""Dynamic pruning: gradients at the compressed weights, updates on the dense ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from skimp import _calls
from skimp.codec_arguments import handle_of
from skimp.codecs import Codec
from skimp.collectives import Collectives
from skimp.dtypes import Values
from skimp.errors import InvalidArgument
from skimp.packing import Packed, Target
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
        _calls.pruning_sparsity(sparsity, period, warm_up, 0)  # refuses what is wrong
        if precision is not None and not isinstance(precision, Codec):
            raise InvalidArgument(f"DynamicPruning: precision = {precision!r} is not a codec")
        self._rule = (sparsity, period, warm_up)
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
        return _calls.pruning_sparsity(*self._rule, step)

    def step(self, weights: T, comm: Collectives | None = None) -> T:
        """The compressed weights, a new array or bucket of the same kind.

        Every `period` calls the mask is made anew. With `comm` it is then rank 0's on every rank,
        also where ranks have different weights, as between synchronisations of `LocalSGD`: what has
        changed in it travels by top-k, and the call is collective.
        """
        packed = Packed(weights)
        mask = np.zeros(packed.count, bool) if self._mask is None else self._mask
        if mask.size != packed.count:
            raise InvalidArgument(
                f"DynamicPruning: the mask has {mask.size} elements, got "
                f"{describe(packed.signature)}"
            )
        target = Target(packed, None)
        precision = None if self._precision is None else self._precision.bound_to(packed)
        arguments = (
            *(packed.values, target.buffer, packed.dtype.code, *self._rule, handle_of(precision)),
            *(mask, self._steps),
        )
        if comm is None:
            _calls.prune(0, *arguments)
        else:
            comm._keeping((arguments, precision), _calls.prune, comm._native.handle, *arguments)
        self._mask = mask
        self._steps += 1
        compressed: T = target.finish()
        return compressed

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
        return f"skimp.DynamicPruning{self._rule} at step {self._steps}"
