"""What competes for one array: the MPI's own collective, Skimp's dense one, and each codec.

All are called in the same way on the same input, and take turns (timing.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import skimp
from skimp.bench import data, verify
from skimp.bench.collectives import Collective
from skimp.bench.options import Options
from skimp.bench.ranks import Array, Ranks


@dataclass(frozen=True)
class Arena:
    """What the contestants share."""

    ranks: Ranks
    collective: Collective
    x: Array
    out: Array
    options: Options


@dataclass(frozen=True)
class Check:
    """What a verified call has shown, the same on all ranks."""

    wrong: int
    error: float
    wire: int
    """Bytes sent by the rank that sent most."""
    report: skimp.Report
    """Of this rank."""


class MpiContestant:
    """The MPI's own collective, of sums: dividing for a mean is left out, in its favour."""

    def __init__(self, arena: Arena):
        self.label = arena.collective.mpi_name
        self.algorithm = ""
        self._arena = arena

    @staticmethod
    def handles(arena: Arena) -> bool:
        """Not threads; and MPI has no half-sized types before its version 5."""
        return arena.ranks.mpi is not None and arena.x.dtype.name in ("float32", "float64")

    def run(self) -> None:
        arena = self._arena
        arena.collective.mpi(arena.ranks.mpi, arena.x, arena.out, arena.options.root)

    def verify(self) -> Check | None:
        """It is not what is tested here."""
        return None


class SkimpContestant:
    """A codec in Skimp's collective, with feedback or without."""

    def __init__(self, arena: Arena, text: str):
        self.label = text
        self.algorithm = arena.options.algorithm or ""
        self._arena = arena
        self._codec = data.codec_for(text, arena.x.size)
        self._feedback: skimp.ErrorFeedback | None = None
        if arena.options.feedback and not self.is_dense:
            self._feedback = skimp.ErrorFeedback(self._codec)
        self._call = getattr(arena.ranks.comm, arena.collective.name)
        self._keywords = self._keywords_of(arena.collective, arena.options)

    @property
    def is_dense(self) -> bool:
        return isinstance(self._codec, skimp.Identity)

    def run(self) -> None:
        self._call(self._arena.x, out=self._arena.out, **self._keywords)

    def verify(self) -> Check | None:
        """One call, checked for what it must hold; to be kept out of the timing."""
        arena, ranks = self._arena, self._arena.ranks
        before, feedback = self._residual(), self._feedback
        arena.out.reshape(-1).view(np.uint8).fill(0xA5)  # what is not written must not look right
        self.run()
        report = ranks.comm.report
        self.algorithm = report.algorithm
        options = arena.options
        after = None if feedback is None else feedback.residual()
        residuals = None if before is None or after is None else (before, after)
        call = verify.Call(arena.x, arena.out, residuals, self._codec, options.op, options.root)
        verdict = arena.collective.check(ranks, call)
        return Check(verdict.wrong, verdict.error, max(ranks.gather(report.bytes_sent)), report)

    def _keywords_of(self, collective: Collective, options: Options) -> dict[str, Any]:
        keywords = {name: getattr(options, name) for name in collective.options}
        keywords["codec"] = self._feedback or self._codec
        keywords["algorithm"] = options.algorithm
        down = keywords.pop("broadcast_codec", None)
        if down is not None and not self.is_dense:
            keywords["broadcast_codec"] = data.codec_for(down, self._arena.x.size)
        return keywords

    def _residual(self) -> Array | None:
        """A copy; zeros before the first call."""
        if self._feedback is None:
            return None
        if self._feedback.step == 0:
            wide = self._arena.x.dtype == np.float64
            return np.zeros(self._arena.x.shape, np.float64 if wide else np.float32)
        return self._feedback.residual().copy()


Contestant = MpiContestant | SkimpContestant


@dataclass(frozen=True)
class Field:
    """The contestants, in the order of the table's rows, and which are compared with."""

    all: list[Contestant]
    dense: int
    mpi: int | None


def field_for(arena: Arena) -> Field:
    """MPI's own collective if it can take part, Skimp's dense one as it is chosen by default, and
    what the options ask for."""
    has_mpi = MpiContestant.handles(arena)
    contestants: list[Contestant] = [MpiContestant(arena)] if has_mpi else []
    by_default = replace(arena, options=replace(arena.options, algorithm=None))
    contestants.append(SkimpContestant(by_default, "identity"))
    for text in arena.options.codecs:
        asked = SkimpContestant(arena, text)
        if not asked.is_dense or arena.options.algorithm is not None:  # else it is there already
            contestants.append(asked)
    return Field(contestants, dense=int(has_mpi), mpi=0 if has_mpi else None)
