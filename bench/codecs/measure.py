"""Measures codecs: for each element type and size a row for each codec, and for what it is compared
with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skimp.bench import data, isa
from skimp.bench.codecs.baseline import Baseline, Phase
from skimp.bench.codecs.places import Contestant, place_for
from skimp.bench.options import Options
from skimp.bench.ranks import Array, Ranks
from skimp.bench.timing import take_turns


@dataclass(frozen=True)
class Speed:
    time_us: float
    bandwidth: float
    """GB/s of dense elements, read by an encoder or written by a decoder."""
    vs_memcpy: float
    vs_accumulate: float | None
    """Against `e += g`; None on a device."""
    moved: int | None
    """Bytes that it must read and write; None if they are not counted."""
    of_copy: float | None
    """Those a second ÷ the bytes a second that `memcpy` reads and writes."""


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
    add: Speed | None
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
    place = place_for(options, x)
    memcpy, *other_roofs = place.roofs
    accumulate = other_roofs[0] if other_roofs else None
    competitors: list[Contestant] = [*place.roofs]
    for text in options.codecs:
        variants = place.subjects(text)
        competitors += [*variants, *variants[0].baselines()]
    subjects = [each for each in competitors if not isinstance(each, Baseline)]
    first = {subject: subject.verify() for subject in subjects}  # with empty residuals

    turns = [
        (each, phase) for each in competitors for phase in place.phases if getattr(each, phase)
    ]
    runs = [getattr(each, phase) for each, phase in turns]

    def prepare(number: int) -> None:
        isa.use(turns[number][0].isa)

    times = take_turns(
        runs, ranks, options.warmup, options.iters, prepare, place.finish, place.shortest_turn
    )
    last = {subject: subject.verify() for subject in subjects}  # with those of many steps

    def speed(each: Contestant, phase: Phase) -> Speed | None:
        if (each, phase) not in turns:
            return None
        number = turns.index((each, phase))
        seconds = times.median(number)

        def vs(roof: Baseline) -> float:
            return times.speed(number, turns.index((roof, "encode")))

        moved = each.moved_bytes(phase)
        return Speed(
            time_us=seconds * 1e6,
            bandwidth=x.nbytes / seconds / 1e9,
            vs_memcpy=vs(memcpy),
            vs_accumulate=vs(accumulate) if accumulate else None,
            moved=moved,
            of_copy=moved / (2 * x.nbytes) * vs(memcpy) if moved else None,
        )

    rows = []
    for each in competitors:
        begin, end = (None, None) if isinstance(each, Baseline) else (first[each], last[each])
        rows.append(
            Row(
                size=x.nbytes,
                count=x.size,
                type=x.dtype.name,
                codec=each.label,
                isa=each.isa,
                encode=speed(each, "encode"),
                decode=speed(each, "decode"),
                add=speed(each, "add"),
                payload=each.payload_bytes,
                ratio=x.nbytes / each.payload_bytes if each.payload_bytes else None,
                error=begin.error if begin else None,
                wrong=begin.wrong + end.wrong if begin and end else None,
            )
        )
    return rows
