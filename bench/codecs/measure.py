"""Measures codecs: for each element type and size a row for each codec, and for what it is compared
with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from skimp.bench import data
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


@dataclass(frozen=True)
class Row:
    """Derived in bench/README.md. None: does not apply."""

    size: int
    count: int
    type: str
    codec: str
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
            yield _measure_array(ranks, options, x)


def _measure_array(ranks: Ranks, options: Options, x: Array) -> list[Row]:
    subjects = [Subject(text, x, options.feedback) for text in options.codecs]
    first = {subject: subject.verify() for subject in subjects}  # with empty residuals
    memcpy, axpy = roofs(x)
    competitors: list[Baseline | Subject] = [memcpy, axpy]
    for subject in subjects:
        competitors += [subject, *subject.baselines()]

    phases: tuple[Literal["encode", "decode"], ...] = ("encode", "decode")
    turns = [(each, phase) for each in competitors for phase in phases if getattr(each, phase)]
    runs = [getattr(each, phase) for each, phase in turns]
    times = take_turns(runs, ranks, options.warmup, options.iters)
    last = {subject: subject.verify() for subject in subjects}  # with those of many steps

    def speed(each: Baseline | Subject, phase: Literal["encode", "decode"]) -> Speed | None:
        if (each, phase) not in turns:
            return None
        number = turns.index((each, phase))
        seconds = times.median(number)
        vs_memcpy = times.speed(number, turns.index((memcpy, "encode")))
        return Speed(seconds * 1e6, x.nbytes / seconds / 1e9, vs_memcpy)

    rows = []
    for each in competitors:
        begin, end = (first[each], last[each]) if isinstance(each, Subject) else (None, None)
        rows.append(
            Row(
                size=x.nbytes,
                count=x.size,
                type=x.dtype.name,
                codec=each.label,
                encode=speed(each, "encode"),
                decode=speed(each, "decode"),
                payload=each.payload_bytes,
                ratio=x.nbytes / each.payload_bytes if each.payload_bytes else None,
                error=begin.error if begin else None,
                wrong=begin.wrong + end.wrong if begin and end else None,
            )
        )
    return rows
