"""The algorithms on a list of all ranks' inputs: what is delivered, and what is left out.

Sums run in the accumulator's type V in the order of the ranks (dense_ring: of the ring).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from tests.oracle.codec import Codec, Draws, add, left_out
from tests.oracle.dtypes import accumulator, narrow, widen
from tests.oracle.identity import Identity
from tests.oracle.quantize import Quantize
from tests.oracle.robust import ROBUST, Robust, reduce
from tests.oracle.sparse import sparse_balanced, sparse_doubling

EVERYONE = range(1 << 20)  # members of a world are its ranks
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
    trim: int | None = None,
    nodes: list[int] | None = None,
    call: int = 0,
) -> Result:
    if len(inputs) == 1:
        return alone(inputs, residuals, op)
    values, sent = with_residuals(inputs, residuals), None
    if op in ROBUST:
        back = broadcast_codec or (Quantize(2) if op == "vote" else codec.broadcast_codec())
        robust = Robust(op, trim, inputs, residuals)
        total, rest = two_phase(values, inputs[0].dtype, codec, back, call, robust)
        return Result([narrow(total, inputs[0].dtype)] * len(inputs), rest)
    match algorithm:
        case "dense_direct":
            total, rest = dense_direct(values), zeros(values)
        case "dense_ring":
            total, rest = dense_ring(values), zeros(values)
        case "gather":
            total, rest = gather(values, inputs[0].dtype, codec, call)
        case "linear":
            total, rest = codec.linear_sum(values, Draws(call, SHARED))
        case "sparse_doubling":
            total, rest, sent = sparse_doubling(values, inputs[0].dtype, codec, call)
        case "sparse_balanced":
            total, rest, sent = sparse_balanced(values, inputs[0].dtype, codec, call)
        case "two_phase":
            back = broadcast_codec or codec.broadcast_codec()
            total, rest = two_phase(values, inputs[0].dtype, codec, back, call)
        case "hierarchical":
            back = broadcast_codec or codec.broadcast_codec()
            total, rest = hierarchical(values, inputs[0].dtype, codec, back, call, nodes)
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


def gather(
    values: Arrays, dtype: np.dtype, codec: Codec, call: int, ranks: Sequence[int] = EVERYONE
) -> tuple[np.ndarray, Arrays]:
    arrived = deliver_all(values, dtype, codec, call, ranks)
    return sum_of(arrived), [left_out(v, d.values) for v, d in zip(values, arrived, strict=True)]


def two_phase(
    values: Arrays,
    dtype: np.dtype,
    codec: Codec,
    back: Codec,
    call: int,
    robust: Robust | None = None,
    ranks: Sequence[int] = EVERYONE,
) -> tuple[np.ndarray, Arrays]:
    count, v = len(values[0]), accumulator(dtype)
    borders = shards(count, len(values), math.lcm(codec.block, back.block))
    total, rest = phase_one(values, dtype, codec, borders, call, robust, ranks)
    for owner, (begin, end) in enumerate(borders):
        draws = Draws(call, OWNERS_SUM | ranks[owner], first=begin)
        delivered = deliver(back.slice(begin, end, count), total[begin:end], v, draws)
        rest[owner][begin:end] = left_out(total[begin:end], delivered.values)
        total[begin:end] = delivered.values
    return total, rest


def has_shares(codecs: Sequence[Codec], count: int, world_size: int, block: int) -> bool:
    """Whether every codec keeps something of every shard."""
    return all(
        begin == end or codec.slice(begin, end, count).kept(end - begin) > 0
        for codec in codecs
        for begin, end in shards(count, world_size, block)
    )


def hierarchical(
    values: Arrays, dtype: np.dtype, codec: Codec, back: Codec, call: int, nodes: list[int]
) -> tuple[np.ndarray, Arrays]:
    """Exact sums within nodes, shard by shard; of those, lossy sums between nodes."""
    count, v, rest = len(values[0]), accumulator(dtype), zeros(values)
    members = [[r for r, its in enumerate(nodes) if its == node] for node in dict.fromkeys(nodes)]
    owners = min(map(len, members))
    borders = shards(count, owners, math.lcm(codec.block, back.block, Identity.block))
    sums = []
    for node in members:
        padded = borders + [(count, count)] * (len(node) - owners)
        mine = [values[rank] for rank in node]
        within, left = phase_one(mine, dtype, Identity(), padded, call)
        sums.append(within)
        for rank, lost in zip(node, left, strict=True):
            rest[rank] = lost
    total = np.zeros_like(values[0])
    for place, (begin, end) in enumerate(borders):
        ranks = [node[place] for node in members]
        parts = [within[begin:end] for within in sums]
        up, down = codec.slice(begin, end, count), back.slice(begin, end, count)
        if len(ranks) == 1:
            total[begin:end] = parts[0]
            continue
        if has_shares((up, down), end - begin, len(ranks), math.lcm(codec.block, back.block)):
            total[begin:end], left = two_phase(parts, v, up, down, call, ranks=ranks)
        else:
            total[begin:end], left = gather(parts, v, up, call, ranks)
        for rank, lost in zip(ranks, left, strict=True):
            rest[rank][begin:end] = lost
    return total, rest


def phase_one(
    values: Arrays,
    dtype: np.dtype,
    codec: Codec,
    borders: list[tuple[int, int]],
    call: int,
    robust: Robust | None = None,
    ranks: Sequence[int] = EVERYONE,
) -> tuple[np.ndarray, Arrays]:
    """Every shard's sum, or robust result, at its owner, whose own values are exact."""
    count = len(values[0])
    total, rest = np.zeros_like(values[0]), zeros(values)
    for owner, (begin, end) in enumerate(borders):
        part = codec.slice(begin, end, count)
        arrived = []
        for rank, value in enumerate(values):
            mine = value[begin:end]
            delivered = Delivered(mine, mine)
            if rank != owner:
                draws = Draws(call, OWN_INPUT | ranks[rank], first=begin)
                delivered = deliver(part, mine, dtype, draws)
                rest[rank][begin:end] = left_out(mine, delivered.values)
            arrived.append(delivered)
        if robust is None:
            total[begin:end] = sum_of(arrived)
        else:
            total[begin:end] = robust.result(owner, begin, end, [d.values for d in arrived])
    return total, rest


def reduce_scatter(
    inputs: Arrays,
    codec: Codec,
    *,
    residuals: Arrays | None = None,
    op: str = "mean",
    trim: int | None = None,
    call: int = 0,
) -> Result:
    world_size, dtype = len(inputs), inputs[0].dtype
    if world_size == 1:
        return alone(inputs, residuals, op)
    share = len(inputs[0]) // world_size
    borders = [(rank * share, (rank + 1) * share) for rank in range(world_size)]
    values = with_residuals(inputs, residuals)
    robust = Robust(op, trim, inputs, residuals) if op in ROBUST else None
    total, rest = phase_one(values, dtype, codec, borders, call, robust)
    outputs = [finish(total[begin:end], op, world_size, dtype) for begin, end in borders]
    return Result(outputs, rest)


def alltoall(
    inputs: Arrays, codec: Codec, *, residuals: Arrays | None = None, call: int = 0
) -> Result:
    world_size, dtype, count = len(inputs), inputs[0].dtype, len(inputs[0])
    if world_size == 1:
        return alone(inputs, residuals)
    share = count // world_size
    borders = [(rank * share, (rank + 1) * share) for rank in range(world_size)]
    values = with_residuals(inputs, residuals)
    outputs, rest = [np.empty_like(array) for array in inputs], zeros(values)
    for rank, value in enumerate(values):
        for owner, (begin, end) in enumerate(borders):
            part = Identity() if owner == rank else codec.slice(begin, end, count)
            draws = Draws(call, OWN_INPUT | rank, first=begin)
            arrived = deliver(part, value[begin:end], dtype, draws).values
            rest[rank][begin:end] = left_out(value[begin:end], arrived)
            outputs[owner][rank * share : (rank + 1) * share] = narrow(arrived, dtype)
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


def alone(inputs: Arrays, residuals: Arrays | None, op: str = "mean") -> Result:
    """A world of one: nothing is encoded, the residual stays."""
    rest = residuals or zeros([widen(inputs[0])])
    if op == "vote":
        inputs = [narrow(reduce(op, None, [widen(inputs[0])]), inputs[0].dtype)]
    return Result(inputs, rest)


def with_residuals(inputs: Arrays, residuals: Arrays | None) -> Arrays:
    if residuals is None:
        return [widen(array) for array in inputs]
    return [add(widen(array), r) for array, r in zip(inputs, residuals, strict=True)]


def deliver(codec: Codec, values: np.ndarray, dtype: np.dtype, draws: Draws) -> Delivered:
    """Encoded as `dtype`, decoded."""
    payload = codec.payload(values, dtype, draws)
    decoded = codec.decode(payload, len(values), dtype)
    return Delivered(decoded, codec.addend(payload, decoded, dtype))


def deliver_all(
    values: Arrays, dtype: np.dtype, codec: Codec, call: int, ranks: Sequence[int] = EVERYONE
) -> list[Delivered]:
    """Every rank's whole array."""
    return [
        deliver(codec, value, dtype, Draws(call, OWN_INPUT | rank))
        for rank, value in zip(ranks, values, strict=False)
    ]


def zeros(values: Arrays) -> Arrays:
    return [np.zeros_like(value) for value in values]


def finish(total: np.ndarray, op: str, world_size: int, dtype: np.dtype) -> np.ndarray:
    with np.errstate(all="ignore"):
        return narrow(total / total.dtype.type(world_size) if op == "mean" else total, dtype)
