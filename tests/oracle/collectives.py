"""The algorithms on a list of all ranks' inputs: what is delivered, and what is left out.

Sums run in the accumulator's type V in the order of the ranks (dense_ring: of the ring).
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from tests.oracle.codec import Codec, Draws, add, left_out
from tests.oracle.dtypes import accumulator, narrow, widen
from tests.oracle.identity import Identity
from tests.oracle.random_k import RandomK, subset
from tests.oracle.sparse import sparse_balanced, sparse_doubling

OWN_INPUT, OWNERS_SUM, SHARED = (phase << 30 for phase in (0, 1, 3))  # lanes


@dataclass
class Delivered:
    """A rank's values as they arrive, in V."""

    values: np.ndarray
    addend: np.ndarray


@dataclass
class Result:
    outputs: list[np.ndarray]  # one a rank
    residuals: list[np.ndarray] = field(default_factory=list)
    bytes_sent: list[int] | None = None  # one a rank, of algorithms whose sizes depend on data


Arrays = list[np.ndarray]


def allreduce(
    algorithm: str,
    inputs: Arrays,
    codec: Codec,
    *,
    broadcast_codec: Codec | None = None,
    residuals: Arrays | None = None,
    op: str = "mean",
    call: int = 0,
) -> Result:
    if len(inputs) == 1:
        return alone(inputs, residuals)
    values, sent = with_residuals(inputs, residuals), None
    match algorithm:
        case "dense_direct":
            total, rest = dense_direct(values), zeros(values)
        case "dense_ring":
            total, rest = dense_ring(values), zeros(values)
        case "gather":
            total, rest = gather(values, inputs[0].dtype, codec, call)
        case "linear":
            total, rest = linear(values, codec, call)
        case "sparse_doubling":
            total, rest, sent = sparse_doubling(values, inputs[0].dtype, codec, call)
        case "sparse_balanced":
            total, rest, sent = sparse_balanced(values, inputs[0].dtype, codec, call)
        case "two_phase":
            back = broadcast_codec or codec.broadcast_codec()
            total, rest = two_phase(values, inputs[0].dtype, codec, back, call)
    output = finish(total, op, len(inputs), inputs[0].dtype)
    return Result([output] * len(inputs), rest, sent)


def shards(count: int, world_size: int, block: int) -> list[tuple[int, int]]:
    """Shard s belongs to rank s; all begin at multiples of `block`."""
    blocks = -(-count // block)
    ends = [min(count, s * blocks // world_size * block) for s in range(world_size + 1)]
    return list(pairwise(ends))


def dense_direct(values: Arrays) -> np.ndarray:
    total = values[0]
    for other in values[1:]:
        total = add(total, other)
    return total


def sum_of(delivered: list[Delivered]) -> np.ndarray:
    """The first is written, the others are added."""
    return dense_direct([delivered[0].values, *(other.addend for other in delivered[1:])])


def dense_ring(values: Arrays) -> np.ndarray:
    world_size, total = len(values), np.zeros_like(values[0])
    for owner, (begin, end) in enumerate(shards(len(total), world_size, Identity.block)):
        hops = [values[(owner + 1 + hop) % world_size][begin:end] for hop in range(world_size)]
        total[begin:end] = dense_direct(hops)
    return total


def gather(values: Arrays, dtype: np.dtype, codec: Codec, call: int) -> tuple[np.ndarray, Arrays]:
    arrived = deliver_all(values, dtype, codec, call)
    return sum_of(arrived), [left_out(v, d.values) for v, d in zip(values, arrived, strict=True)]


def linear(values: Arrays, codec: RandomK, call: int) -> tuple[np.ndarray, Arrays]:
    kept = subset(codec.seed, Draws(call, SHARED), len(values[0]), codec.kept(len(values[0])))
    total = np.zeros_like(values[0])
    total[kept] = dense_direct([value[kept] for value in values])
    rest = [left_out(value, np.zeros_like(value)) for value in values]
    for residual in rest:
        residual[kept] = 0
    return total, rest


def two_phase(
    values: Arrays, dtype: np.dtype, codec: Codec, back: Codec, call: int
) -> tuple[np.ndarray, Arrays]:
    count, v = len(values[0]), accumulator(dtype)
    borders = shards(count, len(values), math.lcm(codec.block, back.block))
    total, rest = phase_one(values, dtype, codec, borders, call)
    for owner, (begin, end) in enumerate(borders):
        draws = Draws(call, OWNERS_SUM | owner, first=begin)
        delivered = deliver(back.slice(begin, end, count), total[begin:end], v, draws)
        rest[owner][begin:end] = left_out(total[begin:end], delivered.values)
        total[begin:end] = delivered.values
    return total, rest


def phase_one(
    values: Arrays, dtype: np.dtype, codec: Codec, borders: list[tuple[int, int]], call: int
) -> tuple[np.ndarray, Arrays]:
    """Every shard's sum at its owner, whose own values are exact."""
    count = len(values[0])
    total, rest = np.zeros_like(values[0]), zeros(values)
    for owner, (begin, end) in enumerate(borders):
        part = codec.slice(begin, end, count)
        arrived = []
        for rank, value in enumerate(values):
            mine = value[begin:end]
            delivered = Delivered(mine, mine)
            if rank != owner:
                delivered = deliver(part, mine, dtype, Draws(call, OWN_INPUT | rank, first=begin))
                rest[rank][begin:end] = left_out(mine, delivered.values)
            arrived.append(delivered)
        total[begin:end] = sum_of(arrived)
    return total, rest


def reduce_scatter(
    inputs: Arrays,
    codec: Codec,
    *,
    residuals: Arrays | None = None,
    op: str = "mean",
    call: int = 0,
) -> Result:
    world_size, dtype = len(inputs), inputs[0].dtype
    if world_size == 1:
        return alone(inputs, residuals)
    share = len(inputs[0]) // world_size
    borders = [(rank * share, (rank + 1) * share) for rank in range(world_size)]
    values = with_residuals(inputs, residuals)
    total, rest = phase_one(values, dtype, codec, borders, call)
    outputs = [finish(total[begin:end], op, world_size, dtype) for begin, end in borders]
    return Result(outputs, rest)


def allgather(
    inputs: Arrays, codec: Codec, *, residuals: Arrays | None = None, call: int = 0
) -> Result:
    if len(inputs) == 1:
        return Result([inputs[0][None]], alone(inputs, residuals).residuals)
    dtype, values = inputs[0].dtype, with_residuals(inputs, residuals)
    arrived = deliver_all(values, dtype, codec, call)
    output = np.stack([narrow(delivered.values, dtype) for delivered in arrived])
    rest = [left_out(v, d.values) for v, d in zip(values, arrived, strict=True)]
    return Result([output] * len(inputs), rest)


def broadcast(
    inputs: Arrays,
    codec: Codec,
    *,
    root: int = 0,
    residuals: Arrays | None = None,
    call: int = 0,
) -> Result:
    if len(inputs) == 1:
        return alone(inputs, residuals)
    dtype = inputs[root].dtype
    value, rest = (
        with_residuals(inputs, residuals)[root],
        residuals or zeros(with_residuals(inputs, None)),
    )
    delivered = deliver(codec, value, dtype, Draws(call, OWN_INPUT | root))
    rest = [*rest[:root], left_out(value, delivered.values), *rest[root + 1 :]]
    return Result([narrow(delivered.values, dtype)] * len(inputs), rest)


def alone(inputs: Arrays, residuals: Arrays | None) -> Result:
    """A world of one: nothing is encoded, the residual stays."""
    return Result(inputs, residuals or zeros([widen(inputs[0])]))


def with_residuals(inputs: Arrays, residuals: Arrays | None) -> Arrays:
    if residuals is None:
        return [widen(array) for array in inputs]
    return [add(widen(array), r) for array, r in zip(inputs, residuals, strict=True)]


def deliver(codec: Codec, values: np.ndarray, dtype: np.dtype, draws: Draws) -> Delivered:
    """Encoded as `dtype`, decoded."""
    payload = codec.payload(values, dtype, draws)
    decoded = codec.decode(payload, len(values), dtype)
    return Delivered(decoded, codec.addend(payload, decoded, dtype))


def deliver_all(values: Arrays, dtype: np.dtype, codec: Codec, call: int) -> list[Delivered]:
    """Every rank's whole array."""
    return [
        deliver(codec, value, dtype, Draws(call, OWN_INPUT | rank))
        for rank, value in enumerate(values)
    ]


def zeros(values: Arrays) -> Arrays:
    return [np.zeros_like(value) for value in values]


def finish(total: np.ndarray, op: str, world_size: int, dtype: np.dtype) -> np.ndarray:
    with np.errstate(all="ignore"):
        return narrow(total / total.dtype.type(world_size) if op == "mean" else total, dtype)
