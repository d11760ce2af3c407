"""Saved states for another number of ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skimp.dtypes import Values
from skimp.errors import InvalidArgument


def reshard(states: Sequence[Mapping[str, Any]], world_size: int) -> list[dict[str, Values]]:
    """States of `world_size` ranks from those of all old ranks, by rank.

    states
        The `state_dict` of each old rank: of feedback, `LocalSGD`, `Delayed` or `DynamicPruning`,
        all of one kind and saved after the same step.

    Residuals keep their sum: float64 sums it in the order of the ranks, each new rank takes an even
    share of what is left, rounded to its type, so that the sum is kept to half a unit in the last
    place of one share. Other arrays that differ by rank, velocities and estimates, become their
    mean, and equal ones stay as they are.

    As means divide by the number of ranks, a residual's part in the next means changes with it;
    `ErrorFeedback.rescale` by ``world_size / len(states)`` afterwards keeps that part instead of
    the sum. A single rank sends nothing, so its residual waits.

    Raises `InvalidArgument` when states differ in names, shapes, types or steps.

    >>> import numpy as np, skimp
    >>> saved = [{"residual": np.full(2, r, np.float32), "step": np.uint64(9)} for r in range(4)]
    >>> skimp.reshard(saved, 3)[2]
    {'residual': array([2., 2.], dtype=float32), 'step': array(9, dtype=uint64)}
    """
    if not states or world_size < 1:
        raise InvalidArgument(
            f"reshard: from {len(states)} to {world_size} ranks, needs 1 or more of both"
        )
    names = set(states[0])
    for rank, state in enumerate(states):
        if set(state) != names:
            raise InvalidArgument(
                f"reshard: rank 0 has {sorted(names)}, rank {rank} has {sorted(state)}"
            )
    resharded: list[dict[str, Values]] = [{} for _ in range(world_size)]
    for name in states[0]:
        arrays = [np.asarray(state[name]) for state in states]
        for new, values in zip(resharded, _reshard_one(name, arrays, world_size), strict=True):
            new[name] = values
    return resharded


def _reshard_one(name: str, arrays: list[Values], world_size: int) -> list[Values]:
    first = arrays[0]
    for rank, array in enumerate(arrays):
        if (array.shape, array.dtype) != (first.shape, first.dtype):
            raise InvalidArgument(
                f"reshard: {name!r} is {first.dtype}{first.shape} on rank 0, "
                f"{array.dtype}{array.shape} on rank {rank}"
            )
    if name.rpartition(".")[2] == "residual":
        return _shares(arrays, world_size)
    if all(np.array_equal(array, first) for array in arrays):
        return [first.copy() for _ in range(world_size)]
    if first.dtype.kind != "f":
        values = [array.tolist() for array in arrays] if first.ndim == 0 else "differs"
        raise InvalidArgument(f"reshard: {name!r} must be equal on all ranks: {values}")
    mean = (_sum(arrays) / len(arrays)).astype(first.dtype)
    return [mean.copy() for _ in range(world_size)]


def _shares(arrays: list[Values], world_size: int) -> list[Values]:
    left = _sum(arrays)
    shares = []
    for ranks_left in range(world_size, 0, -1):
        share = (left / ranks_left).astype(arrays[0].dtype)
        left -= share
        shares.append(share)
    return shares


def _sum(arrays: list[Values]) -> Values:
    total = arrays[0].astype(np.float64)
    for array in arrays[1:]:
        total += array
    return total
