"""Counts the elements of a collective's result that are not what they must be.

- A reduction has the same bits on all ranks and, with error feedback or a lossless codec, loses
  nothing: Σ inputs + Σ old residuals = delivered + Σ new residuals (balance.py).
- A copy (allgather, broadcast) has the bits of a local decode(encode(input)), on all ranks; a rank
  that is alone gets its input back.

Each rank checks its part of the array, of which it sees what every rank has (Ranks.exchange):
nothing that is checked travels by Skimp. By pieces, so that the check needs little memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import skimp
from skimp.bench.balance import Doubles, count_lost, deviation, relative_error
from skimp.bench.ranks import Array, Ranks

PIECE = 1 << 18


@dataclass(frozen=True)
class Call:
    """One call of a collective on one rank, as a check needs to see it."""

    x: Array
    out: Array
    residuals: tuple[Array, Array] | None
    """Before and after; None without feedback."""
    codec: skimp.Codec
    op: str
    root: int

    @property
    def loses_nothing(self) -> bool:
        return self.residuals is not None or isinstance(self.codec, skimp.Identity)


@dataclass(frozen=True)
class Verdict:
    """What a rank found in its part; those of all ranks add up."""

    wrong: int = 0
    squares: Doubles = field(default_factory=lambda: np.zeros(2))

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(self.wrong + other.wrong, self.squares + other.squares)

    @property
    def error(self) -> float:
        return relative_error(self.squares)


def allreduce(ranks: Ranks, call: Call) -> Verdict:
    found = Verdict()
    for parts in pieces(call.x.size, ranks.size):
        results = ranks.exchange([call.out[part] for part in parts])
        found += Verdict(count_unequal(results)) + _check_sum(ranks, call, parts, results[0])
    return _total(ranks, found)


def reduce_scatter(ranks: Ranks, call: Call) -> Verdict:
    found = Verdict()
    first = ranks.rank * call.out.size
    for parts in pieces(call.x.size, ranks.size):
        own = parts[ranks.rank]
        found += _check_sum(ranks, call, parts, call.out[own.start - first : own.stop - first])
    return _total(ranks, found)


def allgather(ranks: Ranks, call: Call) -> Verdict:
    found = _check_copy(ranks, call, call.out[ranks.rank])
    return _total(ranks, found + _check_replicas(ranks, call.out.reshape(-1)))


def broadcast(ranks: Ranks, call: Call) -> Verdict:
    found = _check_copy(ranks, call, call.out) if ranks.rank == call.root else Verdict()
    return _total(ranks, found + _check_replicas(ranks, call.out))


def _check_sum(ranks: Ranks, call: Call, parts: list[slice], result: Array) -> Verdict:
    """Compares this rank's part of a result with what all ranks put in."""
    scale = ranks.size if call.op == "mean" else 1
    inputs = ranks.exchange([call.x[part] for part in parts])
    exact = np.sum([seen.astype(np.float64) for seen in inputs], axis=0) / scale
    wrong = 0
    if call.loses_nothing:
        both = call.residuals or ()
        seen = [ranks.exchange([residual[part] for part in parts]) for residual in both]
        old, new = seen or ([], [])
        wrong = count_lost(inputs, old, new, result, scale)
    return Verdict(wrong, deviation(exact, result))


def _check_copy(ranks: Ranks, call: Call, copy: Array) -> Verdict:
    """Compares what all ranks got of this rank's input with what its codec makes of it here."""
    found = Verdict()
    for (part,) in pieces(call.x.size, 1):
        found += Verdict(0, deviation(call.x[part], copy[part]))
        if draws_random_numbers(call.codec) and call.residuals is not None:
            # They differ from those of `encode`, so all that can be seen is that nothing is lost.
            old, new = (residual[part] for residual in call.residuals)
            found += Verdict(count_lost([call.x[part]], [old], [new], copy[part]))
    if not draws_random_numbers(call.codec):
        expected = call.x if ranks.size == 1 else _encoded_and_decoded(call)
        found += Verdict(count_unequal([copy, expected]))
    return found


def _encoded_and_decoded(call: Call) -> Array:
    residual = None
    if call.residuals is not None:
        old, _ = call.residuals
        residual = skimp.Residual(old.size, old.dtype.name)
        residual.load(old, step=1)
    return skimp.decode(call.codec.encode(call.x, residual), like=call.x)


def draws_random_numbers(codec: skimp.Codec) -> bool:
    return isinstance(codec, skimp.RandomK) or "rounding=stochastic" in codec.text


def _check_replicas(ranks: Ranks, replica: Array) -> Verdict:
    """Compares this rank's part of what all ranks have."""
    parts_of_all = pieces(replica.size, ranks.size)
    exchanged = (ranks.exchange([replica[part] for part in parts]) for parts in parts_of_all)
    return Verdict(sum(map(count_unequal, exchanged)))


def count_unequal(arrays: list[Array]) -> int:
    """Elements in which some array has not the bits of the first."""
    first, *others = (np.ascontiguousarray(array).view(f"u{array.itemsize}") for array in arrays)
    unequal = np.zeros(first.shape, bool)
    for other in others:
        unequal |= other != first
    return int(np.count_nonzero(unequal))


def pieces(count: int, size: int) -> Iterator[list[slice]]:
    """Every rank's part of an array, piece after piece; that of rank r is the r-th of the array."""
    borders = [rank * count // size for rank in range(size + 1)]
    ranges = list(pairwise(borders))
    for offset in range(0, max(end - begin for begin, end in ranges), PIECE):
        starts = [min(begin + offset, end) for begin, end in ranges]
        yield [
            slice(start, min(start + PIECE, end))
            for start, (_, end) in zip(starts, ranges, strict=True)
        ]


def _total(ranks: Ranks, found: Verdict) -> Verdict:
    return sum(ranks.gather(found), Verdict())
