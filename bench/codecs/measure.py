"""Measures codecs: for each element type and size a row for each codec, and for what it is compared
with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from skimp.bench import data, isa
from skimp.bench.codecs.baseline import Baseline, roofs
from skimp.bench.codecs.subject import Subject
from skimp.bench.options import Options
from skimp.bench.ranks import Array, Ranks
from skimp.bench.timing import take_turns


@dataclass(frozen=True)
class Speed:
    time_us: float
    bandwidth: float
    """GB/s of dense elements, read by an encoder or written by a decoder."""
    vs_memcpy: float
    vs_accumulate: float
    """Against `e += g`."""


@dataclass(frozen=True)
class Row:
    """Derived in bench/README.md. None: does not apply."""

    size: int
    count: int
    type: str
    codec: str
    isa: str | None
    encode: Speed | None
    decode: Speed | None
    payload: int | None
    ratio: float | None
    error: float | None
    wrong: int | None


def measure(ranks: Ranks, options: Options) -> Iterator[list[Row]]:
    """The rows of each element type and size."""
    for dtype in options.datatypes:
        for size in options.sizes():
            count = max(1, size // data.numpy_dtype(dtype).itemsize)
            x = data.make(options.data, count, dtype, seed=options.seed)
            with isa.restored():
                rows = _measure_array(ranks, options, x)
            yield rows


def _measure_array(ranks: Ranks, options: Options, x: Array) -> list[Row]:
    memcpy, accumulate, *others = roofs(x)
    competitors: list[Baseline | Subject] = [memcpy, accumulate, *others]
    for text in options.codecs:
        variants = [Subject(text, x, options, name) for name in options.isas or [isa.in_use()]]
        competitors += [*variants, *variants[0].baselines()]
    subjects = [each for each in competitors if isinstance(each, Subject)]
    first = {subject: subject.verify() for subject in subjects}  # with empty residuals

    phases: tuple[Literal["encode", "decode"], ...] = ("encode", "decode")
    turns = [(each, phase) for each in competitors for phase in phases if getattr(each, phase)]
    runs = [getattr(each, phase) for each, phase in turns]

    def prepare(number: int) -> None:
        isa.use(turns[number][0].isa)

    times = take_turns(runs, ranks, options.warmup, options.iters, prepare)
    last = {subject: subject.verify() for subject in subjects}  # with those of many steps

    def speed(each: Baseline | Subject, phase: Literal["encode", "decode"]) -> Speed | None:
        if (each, phase) not in turns:
            return None
        number = turns.index((each, phase))
        seconds = times.median(number)
        vs_roofs = [times.speed(number, turns.index((r, "encode"))) for r in (memcpy, accumulate)]
        return Speed(seconds * 1e6, x.nbytes / seconds / 1e9, *vs_roofs)

    rows = []
    for each in competitors:
        begin, end = (first[each], last[each]) if isinstance(each, Subject) else (None, None)
        rows.append(
            Row(
                size=x.nbytes,
                count=x.size,
                type=x.dtype.name,
                codec=each.label,
                isa=each.isa,
                encode=speed(each, "encode"),
                decode=speed(each, "decode"),
                payload=each.payload_bytes,
                ratio=x.nbytes / each.payload_bytes if each.payload_bytes else None,
                error=begin.error if begin else None,
                wrong=begin.wrong + end.wrong if begin and end else None,
            )
        )
    return rows
