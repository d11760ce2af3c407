"""Measures one collective: for each element type and size a row for each contestant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from skimp.bench import data
from skimp.bench.collectives import COLLECTIVES, Collective
from skimp.bench.contest import Arena, Check, field_for
from skimp.bench.options import Options
from skimp.bench.ranks import Ranks
from skimp.bench.timing import take_turns


@dataclass(frozen=True)
class Row:
    """Derived in bench/README.md. None: unknown of MPI's own collective, or there is no MPI."""

    size: int
    count: int
    type: str
    codec: str
    algorithm: str
    time_us: float
    algbw: float
    busbw: float
    wire: int | None
    ratio: float | None
    error: float | None
    vs_dense: float | None
    vs_mpi: float | None
    wrong: int | None
    calls: int
    """Of each iteration."""
    times_us: list[float]
    """A call, by iteration."""
    report: dict[str, Any] | None
    """Of the first rank's last call."""


def measure(ranks: Ranks, options: Options) -> Iterator[list[Row]]:
    """The rows of each element type and size, the same on all ranks."""
    collective = COLLECTIVES[options.benchmark]
    for dtype in options.datatypes:
        for size in options.sizes():
            yield _measure_array(ranks, options, collective, dtype, size)


def _measure_array(
    ranks: Ranks, options: Options, collective: Collective, dtype: str, size: int
) -> list[Row]:
    count = collective.count(size // data.numpy_dtype(dtype).itemsize, ranks.size)
    x = data.make(options.data, count, dtype, ranks.rank, options.seed)
    out = np.empty(collective.out_shape(count, ranks.size), x.dtype)
    field = field_for(Arena(ranks, collective, x, out, options))

    first = [contestant.verify() for contestant in field.all]  # with empty residuals
    runs = [contestant.run for contestant in field.all]
    times = take_turns(runs, ranks, options.warmup, options.iters)
    last = [contestant.verify() for contestant in field.all]  # with those of many steps

    nbytes = max(x.nbytes, out.nbytes)
    dense_wire = _wire(last[field.dense])
    rows = []
    for number, contestant in enumerate(field.all):
        begin, end = first[number], last[number]
        wire = _wire(end)
        algbw = nbytes / times.median(number) / 1e9
        rows.append(
            Row(
                size=nbytes,
                count=count,
                type=dtype,
                codec=contestant.label,
                algorithm=contestant.algorithm,
                time_us=times.median(number) * 1e6,
                algbw=algbw,
                busbw=algbw * collective.bus_factor(ranks.size),
                wire=wire,
                ratio=dense_wire / wire if dense_wire and wire else None,
                error=begin.error if begin else None,
                vs_dense=times.speed(number, field.dense),
                vs_mpi=None if field.mpi is None else times.speed(number, field.mpi),
                wrong=begin.wrong + end.wrong if begin and end else None,
                calls=times.calls[number],
                times_us=[round(seconds * 1e6, 3) for seconds in times.seconds[number]],
                report=asdict(end.report) if end else None,
            )
        )
    return rows


def _wire(check: Check | None) -> int | None:
    return check.wire if check else None
