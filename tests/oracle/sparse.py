"""The sparse algorithms: sums of entries, and the bytes that each rank sends, which depend on data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.oracle.codec import Codec, Draws, add, left_out
from tests.oracle.frame import HEADER_BYTES
from tests.oracle.topk import TopK, index_bytes, select


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


def selection(codec: Codec, values: np.ndarray, dtype: np.dtype, draws: Draws) -> Partial:
    """What a rank's own payload delivers."""
    assert isinstance(codec, TopK)
    delivered = codec.decode(codec.payload(values, dtype, draws), len(values), dtype)
    has = np.zeros(len(values), bool)
    has[select(values, codec.kept(len(values)))] = True
    return Partial(delivered, has)


def sparse_doubling(
    values: Sequence[np.ndarray], dtype: np.dtype, codec: Codec, call: int
) -> tuple[np.ndarray, list[np.ndarray], list[int]]:
    """The sum, the residuals, and the bytes that each rank sends."""
    count, world_size = len(values[0]), len(values)
    core = 1 << (world_size.bit_length() - 1)
    sent = [0] * world_size
    if count == 0:
        return values[0], [value.copy() for value in values], sent
    sums = [selection(codec, value, dtype, Draws(call, rank)) for rank, value in enumerate(values)]
    rest = [left_out(v, s.values) for v, s in zip(values, sums, strict=True)]
    alone = [True] * world_size  # holds only its own elements

    def send(rank: int) -> None:
        own = codec.payload_bytes(count, dtype)
        sent[rank] += HEADER_BYTES + (own if alone[rank] else sums[rank].payload_bytes())

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
    return np.where(total.has | total.dense, total.values, 0).astype(total.values.dtype), rest, sent
