"""Gossip on lists of all ranks' arrays: graphs, and one step of plain gossip or CHOCO-SGD."""

from dataclasses import dataclass

import numpy as np

from tests.oracle.codec import Codec, Draws, add
from tests.oracle.collectives import OWN_INPUT
from tests.oracle.dtypes import accumulator, narrow, widen


def hops(name: str, world_size: int) -> set[int]:
    """Differences of the ranks that a circulant graph joins."""
    match name:
        case "ring":
            steps = [1]
        case "exponential":
            steps = [2**i for i in range(world_size.bit_length())]
        case "complete":
            steps = list(range(world_size))
    return {sign * step % world_size for step in steps if step < world_size for sign in (1, -1)}


def joined(name: str, world_size: int) -> np.ndarray:
    """The (P, P) matrix of edges, as booleans."""
    edges = np.zeros((world_size, world_size), bool)
    if name == "torus":
        rows = max(r for r in range(1, int(world_size**0.5) + 1) if world_size % r == 0)
        ranks = np.arange(world_size).reshape(rows, -1)
        for axis in (0, 1):
            edges[ranks, np.roll(ranks, 1, axis)] = edges[np.roll(ranks, 1, axis), ranks] = True
    else:
        for hop in hops(name, world_size):
            edges[np.arange(world_size), (np.arange(world_size) + hop) % world_size] = True
    np.fill_diagonal(edges, False)
    return edges


def weights(name: str, world_size: int) -> np.ndarray:
    """Metropolis: 1 / (1 + the larger degree)."""
    edges = joined(name, world_size)
    degree = edges.sum(1)
    matrix = np.where(edges, 1 / (1 + np.maximum(degree[:, None], degree[None])), 0)
    np.fill_diagonal(matrix, 1 - matrix.sum(1))
    return matrix


@dataclass
class State:
    """Of one rank, in V: minus its copy, the differences to it, and their rounding errors."""

    minus_copy: np.ndarray
    difference: np.ndarray
    lost: np.ndarray

    @classmethod
    def zeros(cls, count: int, dtype: np.dtype) -> "State":
        return cls(*np.zeros((3, count), accumulator(dtype)))

    def stacked(self) -> np.ndarray:
        return np.concatenate([self.minus_copy, self.difference, self.lost])


def mix(
    inputs: list[np.ndarray],
    matrix: np.ndarray,
    codec: Codec,
    step_size: float,
    states: list[State] | None,
    call: int,
) -> tuple[list[np.ndarray], list[State] | None]:
    """The outputs and the new states; plain gossip has none."""
    count, dtype = len(inputs[0]), inputs[0].dtype
    if len(inputs) == 1:
        return inputs, states
    old = states or [State.zeros(count, dtype) for _ in inputs]
    sent = []
    for rank, (array, state) in enumerate(zip(inputs, old, strict=True)):
        values = widen(array) if states is None else add(widen(array), state.minus_copy)
        payload = codec.payload(values, dtype, Draws(call, OWN_INPUT | rank))
        sent.append(codec.decode(payload, count, dtype))
    outputs, new = [], []
    for rank, (array, state) in enumerate(zip(inputs, old, strict=True)):
        output, after = step(rank, widen(array), state, sent, matrix[rank], step_size)
        outputs.append(narrow(output, dtype))
        new.append(after)
    return outputs, None if states is None else new


def step(
    rank: int,
    x: np.ndarray,
    state: State,
    sent: list[np.ndarray],
    row: np.ndarray,
    step_size: float,
) -> tuple[np.ndarray, State]:
    difference, lost = state.difference, state.lost
    own, broken = finite_or_zero(sent[rank]), ~np.isfinite(sent[rank])
    with np.errstate(all="ignore"):
        for peer, theirs in enumerate(sent):
            if peer == rank or row[peer] == 0:
                continue
            broken |= ~np.isfinite(theirs)
            term = x.dtype.type(row[peer]) * (finite_or_zero(theirs) - own)
            difference, error = two_sum(difference, term)
            lost = lost + error
        total = difference + lost
        lost = lost - (total - difference)
        output = np.where(broken, np.nan, x + x.dtype.type(step_size) * total).astype(x.dtype)
        after = State(*map(finite_or_zero, (state.minus_copy - own, total, lost)))
    return output, after


def two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rounded sum, and what rounding took from it (Knuth)."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def finite_or_zero(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, values.dtype.type(0))
