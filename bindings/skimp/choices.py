"""Words of the Python interface that are numbers in the C interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from skimp.errors import InvalidArgument

Op = Literal["mean", "sum", "median", "trimmed_mean", "vote"]
OPS: Mapping[str, int] = {"mean": 0, "sum": 1, "median": 2, "trimmed_mean": 3, "vote": 4}

NonFinite = Literal["propagate", "raise", "skip"]
NONFINITE: Mapping[str, int] = {"propagate": 0, "raise": 1, "skip": 2}

ALLREDUCE, REDUCE_SCATTER, ALLGATHER, BROADCAST, MIX, ALLTOALL = 1, 2, 3, 4, 5, 6


def choose(argument: str, word: str, choices: Mapping[str, int]) -> int:
    """The number of a word; InvalidArgument lists the words there are."""
    try:
        return choices[word]
    except (KeyError, TypeError):
        known = ", ".join(repr(choice) for choice in choices)
        raise InvalidArgument(f"{argument} = {word!r} is none of {known}") from None
