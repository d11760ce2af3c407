"""The variants of error feedback, and the steps built on it, on lists of all ranks' arrays and any
model of an allreduce."""

from collections.abc import Callable

import numpy as np

from tests.oracle.blocks import padded_blocks
from tests.oracle.collectives import Arrays, Result
from tests.oracle.dtypes import narrow, widen

Allreduce = Callable[[Arrays, Arrays], Result]  # of inputs and residuals


class EF21:
    def __init__(self, world_size: int, zeros: np.ndarray):
        self.estimates = [zeros] * world_size
        self.mean = zeros

    def step(self, inputs: Arrays, allreduce: Allreduce) -> np.ndarray:
        differences = [x - g for x, g in zip(inputs, self.estimates, strict=True)]
        result = allreduce(differences, [np.zeros_like(self.mean)] * len(inputs))
        self.estimates = [
            g + (d - left)
            for g, d, left in zip(self.estimates, differences, result.residuals, strict=True)
        ]
        self.mean = self.mean + result.outputs[0]
        return self.mean


class MomentumCorrection:
    def __init__(self, world_size: int, zeros: np.ndarray, momentum, clip, masking):
        self.momentum, self.clip, self.masking = zeros.dtype.type(momentum), clip, masking
        self.velocities = [zeros] * world_size
        self.residuals = [zeros] * world_size

    def step(self, inputs: Arrays, allreduce: Allreduce) -> np.ndarray:
        clipped = [self.clipped(x, len(inputs)) for x in inputs]
        self.velocities = [
            u * self.momentum + x for u, x in zip(self.velocities, clipped, strict=True)
        ]
        sums = [v + u for v, u in zip(self.residuals, self.velocities, strict=True)]
        result = allreduce(self.velocities, self.residuals)
        self.residuals = result.residuals
        if self.masking:
            self.velocities = [
                np.where(np.abs(left) < np.abs(total) / 2, u.dtype.type(0), u)
                for u, total, left in zip(self.velocities, sums, self.residuals, strict=True)
            ]
        return result.outputs[0]

    def clipped(self, x: np.ndarray, world_size: int) -> np.ndarray:
        norm = np.sqrt(span_sum(x.astype(np.float64) ** 2))
        limit = np.inf if self.clip is None else self.clip / np.sqrt(world_size)
        return x * x.dtype.type(min(1.0, limit / norm)) if norm else x


class LocalSGD:
    def __init__(self, start: np.ndarray, world_size: int, momentum, learning_rate, nesterov):
        self.anchor = widen(start)
        self.velocity = np.zeros_like(self.anchor)
        self.residuals = [self.velocity] * world_size
        kind = self.anchor.dtype.type
        self.momentum, self.learning_rate = kind(momentum), kind(learning_rate)
        self.nesterov = nesterov

    def synchronise(self, parameters: Arrays, allreduce: Allreduce) -> np.ndarray:
        kind = parameters[0].dtype
        given = widen(narrow(self.anchor, kind))
        result = allreduce([widen(w) - given for w in parameters], self.residuals)
        self.residuals = result.residuals
        mean = result.outputs[0]
        self.velocity = self.velocity * self.momentum + mean
        step = mean + self.velocity * self.momentum if self.nesterov else self.velocity
        self.anchor = self.anchor + step * self.learning_rate
        return narrow(self.anchor, kind)


def largest(weights: np.ndarray, kept: int) -> np.ndarray:
    """True for the largest magnitudes, NaN above Inf, ties to the lower index."""
    magnitudes = np.abs(widen(weights))
    order = np.argsort(-np.where(np.isnan(magnitudes), np.inf, magnitudes), kind="stable")
    mask = np.zeros(weights.size, bool)
    mask[order[:kept]] = True
    return mask


def pruned(count: int, sparsity: float, step: int, warm_up: int) -> int:
    """Elements that a mask made at this step prunes."""
    left = 1 - min(step, warm_up) / warm_up if warm_up else 0.0
    return int(sparsity * (1 - left * left * left) * count)


def span_sum(x: np.ndarray) -> np.ndarray:
    """Spans of 4096 elements, one after the other."""
    total = x.dtype.type(0)
    for begin in range(0, len(x), 4096):
        total = total + lane_sum(x[begin : begin + 4096])
    return total


def lane_sum(x: np.ndarray) -> np.ndarray:
    """Lane j of 32 adds elements j, j + 32, ...; then the halves of the lanes are added."""
    rows = padded_blocks(x, 32)
    lanes = np.add.accumulate(rows, axis=0)[-1] if len(rows) else np.zeros(32, x.dtype)
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = lanes[:half] + lanes[half:]
    return lanes[0]
