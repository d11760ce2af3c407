"""The sparse algorithms: sums of entries, and the bytes sent, which depend on the data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from tests.oracle.codec import Draws, add, left_out
from tests.oracle.dtypes import accumulator, narrow, widen
from tests.oracle.frame import HEADER_BYTES
from tests.oracle.threshold import Threshold
from tests.oracle.topk import TopK, index_bytes


@dataclass
class Partial:
    """A sum over some ranks: entries, or dense with zeros where there is no entry."""

    values: np.ndarray
    has: np.ndarray  # which elements have an entry
    dense: bool = False

    def payload_bytes(self) -> int:
        if self.dense:
            return self.values.nbytes
        return entry_bytes(len(self.values), int(self.has.sum()), self.values.itemsize)

    def __add__(self, other: "Partial") -> "Partial":
        both, has = add(self.values, other.values), self.has | other.has
        if self.dense and other.dense:
            return Partial(both, has, True)
        if self.dense or other.dense:
            dense, sparse = (self, other) if self.dense else (other, self)
            return Partial(np.where(sparse.has, both, dense.values), has, True)
        alone = np.where(self.has, self.values, other.values)
        total = Partial(np.where(self.has & other.has, both, alone), has)
        if total.payload_bytes() >= total.values.nbytes:
            total.dense = True
            total.values[~has] = 0
        return total


def entry_bytes(count: int, k: int, value_bytes: int) -> int:
    """Values that are not scaled, and indices as topk codes them."""
    return k * value_bytes + min(index_bytes(count, k).values()) if k else 0


def selection(
    codec: TopK | Threshold, values: np.ndarray, dtype: np.dtype, draws: Draws
) -> tuple[Partial, int]:
    """What a rank's own payload delivers, and its bytes."""
    payload = codec.payload(values, dtype, draws)
    has = np.zeros(len(values), bool)
    has[codec.selected(values)] = True
    return Partial(codec.decode(payload, len(values), dtype), has), len(payload)


def selections(
    codec: TopK | Threshold, values: Sequence[np.ndarray], dtype: np.dtype, call: int
) -> tuple[list[Partial], list[int]]:
    """Those of all ranks."""
    each = [selection(codec, v, dtype, Draws(call, rank)) for rank, v in enumerate(values)]
    return [own for own, _ in each], [size for _, size in each]


def sparse_doubling(
    values: Sequence[np.ndarray], dtype: np.dtype, codec: TopK | Threshold, call: int
) -> tuple[np.ndarray, list[np.ndarray], list[int]]:
    """The sum, the residuals, and the bytes that each rank sends."""
    count = len(values[0])
    if count == 0:
        return values[0], [value.copy() for value in values], [0] * len(values)
    own, own_bytes = selections(codec, values, dtype, call)
    rest = [left_out(v, o.values) for v, o in zip(values, own, strict=True)]
    total, sent = double(own, own_bytes)
    return total, rest, sent


def double(own: list[Partial], own_bytes: list[int]) -> tuple[np.ndarray, list[int]]:
    """Recursive doubling. A rank that holds only its own elements sends `own_bytes`."""
    world_size, sums = len(own), list(own)
    core = 1 << (world_size.bit_length() - 1)
    sent, alone = [0] * world_size, [True] * world_size

    def send(rank: int) -> None:
        payload = own_bytes[rank] if alone[rank] else sums[rank].payload_bytes()
        sent[rank] += HEADER_BYTES + payload

    for extra in range(core, world_size):
        send(extra)
        sums[extra - core] = sums[extra - core] + sums[extra]
        alone[extra - core] = False
    step = 1
    while step < core:
        for rank in range(core):
            send(rank)
        sums[:core] = [sums[rank & ~step] + sums[rank | step] for rank in range(core)]
        alone[:core] = [False] * core
        step *= 2
    for extra in range(core, world_size):
        send(extra - core)
    total = sums[0]
    values = np.where(total.has | total.dense, total.values, 0).astype(total.values.dtype)
    return values, sent


@dataclass
class SparseArray:
    """Entries as they are given, of an array of `count`."""

    indices: np.ndarray
    values: np.ndarray
    count: int

    def partial(self) -> Partial:
        """With repeated indices summed from left to right, in V."""
        total = np.full(self.count, -0.0, accumulator(self.values.dtype))
        with np.errstate(all="ignore"):
            for index, value in zip(self.indices, widen(self.values), strict=True):
                total[index] += value
        has = np.isin(np.arange(self.count), self.indices)
        return Partial(np.where(has, total, 0).astype(total.dtype), has)


def allreduce_sparse(
    arrays: list[SparseArray], algorithm: str, op: str
) -> tuple[np.ndarray, list[int]]:
    """All elements of the result, and the bytes that each rank sends."""
    ranks, dtype = len(arrays), arrays[0].values.dtype
    own = [array.partial() for array in arrays]
    own_bytes = [partial.payload_bytes() for partial in own]
    if algorithm == "gather":
        total = own[0].values
        for partial in own[1:]:
            total = add(total, partial.values)
        sent = [(ranks - 1) * (HEADER_BYTES + payload) for payload in own_bytes]
    else:
        total, sent = double(own, own_bytes)
    with np.errstate(all="ignore"):
        total = total / total.dtype.type(ranks) if op == "mean" else total
    sizes = (ranks - 1) * HEADER_BYTES
    return narrow(total, dtype), [sizes + payload for payload in sent]


GROUPS = 32


def sparse_balanced(
    values: Sequence[np.ndarray], dtype: np.dtype, codec: TopK, call: int
) -> tuple[np.ndarray, list[np.ndarray], list[int]]:
    """The sum, the residuals, and the bytes that each rank sends."""
    count, ranks = len(values[0]), len(values)
    if count == 0:
        return values[0], [value.copy() for value in values], [0] * ranks
    own, _ = selections(codec, values, dtype, call)
    rest = [left_out(v, o.values) for v, o in zip(values, own, strict=True)]
    k, peers, width = codec.kept(count), ranks - 1, own[0].values.itemsize
    picked = [np.flatnonzero(o.has) for o in own]
    ends = [sum(int(p[j * k // ranks]) for p in picked) // ranks for j in range(1, ranks)]
    shards = list(pairwise([0, *ends, count]))
    sent = [HEADER_BYTES * (peers - (r > 0) + peers * (r > 0)) for r in range(ranks)]

    total, has = sum_entries(own)
    sums = [begin + np.flatnonzero(has[begin:end]) for begin, end in shards]
    for rank, indices in enumerate(picked):
        for owner, (begin, end) in enumerate(shards):
            part = int(((begin <= indices) & (indices < end)).sum())
            if owner != rank:
                sent[rank] += HEADER_BYTES + coded_bytes(codec, part, end - begin, dtype)
        summary = min(GROUPS, len(sums[rank])) * width
        sent[rank] += peers * (HEADER_BYTES + summary)

    orders = [indices[falling(total[indices])] for indices in sums]
    kept = []
    for owner, n in enumerate(choose([total[order] for order in orders], k)):
        kept.append(np.sort(orders[owner][:n]))
        dropped = orders[owner][n:]
        rest[owner][dropped] = finite(add(rest[owner][dropped], total[dropped]))
    firsts = np.cumsum([0, *map(len, kept)])
    everything = np.concatenate(kept)
    result = np.zeros_like(total)
    for rank in range(ranks):
        begin, end = (len(everything) * r // ranks for r in (rank, rank + 1))
        if begin == end:
            continue
        part = everything[begin:end]
        givers = [
            (owner, min(end, firsts[owner + 1]) - max(begin, firsts[owner]))
            for owner in range(ranks)
        ]
        givers = [(owner, int(n)) for owner, n in givers if n > 0]
        for owner, n in givers:
            if owner != rank:
                length = shards[owner][1] - shards[owner][0]
                sent[owner] += HEADER_BYTES + entry_bytes(length, n, width)
        length = shards[givers[-1][0]][1] - shards[givers[0][0]][0]
        sent[rank] += peers * (HEADER_BYTES + coded_bytes(codec, len(part), length, dtype))
        alone = replace(codec, density=None, k=len(part))
        payload = alone.payload(total[part], dtype, Draws(call))
        result[part] = alone.decode(payload, len(part), dtype)
        lost = add(total[part], -result[part])
        rest[rank][part] = finite(add(rest[rank][part], lost))
    return result, rest, sent


def sum_entries(own: list[Partial]) -> tuple[np.ndarray, np.ndarray]:
    """In rank order; what only some have is added by those."""
    total, has = own[0].values, own[0].has
    for other in own[1:]:
        both = add(total, other.values)
        total = np.where(has & other.has, both, np.where(has, total, other.values))
        has = has | other.has
    return total, has


def coded_bytes(codec: TopK, entries: int, count: int, dtype: np.dtype) -> int:
    return replace(codec, density=None, k=entries).payload_bytes(count, dtype) if entries else 0


def falling(values: np.ndarray) -> np.ndarray:
    """The order of falling magnitude, NaN first, ties as they come."""
    magnitude = np.abs(values)
    is_nan = np.isnan(magnitude)
    magnitude[is_nan] = 0
    return np.lexsort((np.arange(len(values)), -magnitude, ~is_nan))


def choose(sums: list[np.ndarray], k: int) -> list[int]:
    """How many of its sums, in falling order, each owner keeps."""
    smallest, owners, sizes = [], [], []
    for owner, values in enumerate(sums):
        parts = min(GROUPS, len(values))
        ends = [g * len(values) // parts for g in range(parts + 1)] if parts else []
        for begin, end in pairwise(ends):
            smallest.append(values[end - 1])
            owners.append(owner)
            sizes.append(end - begin)
    kept = [0] * len(sums)
    for group in falling(np.array(smallest)):
        taken = min(sizes[group], k)
        kept[owners[group]] += taken
        k -= taken
    return kept


def finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, 0).astype(values.dtype)
