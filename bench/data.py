"""What the benchmarks reduce: random numbers, or the gradients of a network in training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import skimp
from skimp import dtypes
from skimp.bench import network

Array = npt.NDArray[Any]

WARM_UP_STEPS = 20
BATCH = 32
STUDENT_PIECE = 1 << 20
"""numpy draws Student's t in float64 only: by pieces, so that large arrays need no such copy."""


def numpy_dtype(name: str) -> np.dtype[Any]:
    """numpy's element type of a name, that of ml_dtypes for bfloat16."""
    found = dtypes.named(name)
    return dtypes.numpy_bfloat16() if found is dtypes.BFLOAT16 else found.storage


def codec_for(text: str, count: int) -> skimp.Codec:
    """The codec of a text for arrays of `count` elements along one axis.

    Low-rank codecs see matrices: one that is not told of shapes gets the most nearly square one.

    >>> codec_for("lowrank(rank=1)", 48).text
    'lowrank(rank=1,warm_start=yes,shapes=6x8)'
    """
    codec = skimp.codec(text)
    if not isinstance(codec, skimp.LowRank) or "shapes=" in codec.text:
        return codec
    rows = next((rows for rows in range(math.isqrt(count), 0, -1) if count % rows == 0), 1)
    return skimp.codec(f"{codec.text[:-1]},shapes={rows}x{count // rows})")


def make(kind: str, count: int, dtype: str, rank: int = 0, seed: int = 0) -> Array:
    """`count` elements of one of `KINDS`; different on every rank, the same in every run."""
    return KINDS[kind](count, rank, seed).astype(numpy_dtype(dtype), copy=False)


def normal(count: int, rank: int, seed: int) -> Array:
    """Normally distributed: light tails, which suit quantising."""
    return np.random.default_rng([seed, rank]).standard_normal(count, np.float32)


def student(count: int, rank: int, seed: int) -> Array:
    """Student's t with 3 degrees of freedom: the heavy tails that gradients have."""
    rng = np.random.default_rng([seed, rank])
    values = np.empty(count, np.float32)
    for begin in range(0, count, STUDENT_PIECE):
        piece = values[begin : begin + STUDENT_PIECE]
        piece[...] = rng.standard_t(3, piece.size)
    return values


def gradients(count: int, rank: int, seed: int) -> Array:
    """A gradient of the network after a few steps of training, repeated to fill the array."""
    return np.resize(_gradient(rank, seed), count)


@cache
def _gradient(rank: int, seed: int) -> network.Floats:
    """All ranks train the same network, then each takes the gradient of a batch of its own."""
    train, _ = network.digits()
    parameters = network.initial_parameters(seed)
    shared = train.batches(BATCH, seed)
    for _ in range(WARM_UP_STEPS):
        _, gradient = network.loss_and_gradient(parameters, next(shared))
        parameters -= np.float32(0.1) * gradient
    _, gradient = network.loss_and_gradient(
        parameters, next(train.batches(BATCH, [seed, 1 + rank]))
    )
    return gradient


KINDS: Mapping[str, Callable[[int, int, int], Array]] = {
    "normal": normal,
    "student": student,
    "gradients": gradients,
}
