"""What the tables of the collectives and of the codecs show of a row; README.md derives it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from skimp.bench import codecs
from skimp.bench.collectives import COLLECTIVES
from skimp.bench.options import Options
from skimp.bench.table import Column, number


def of(options: Options) -> list[Column]:
    """The columns of a benchmark; the first is as wide as its codecs need."""
    names = [labelled(text, isa) for text in options.codecs for isa in options.isas or [None]]
    if options.benchmark != "codec":
        names.append(COLLECTIVES[options.benchmark].mpi_name)
    width = max(20, *map(len, names))

    def name(row: Any) -> str:
        return labelled(row.codec, row.isa if options.isas else None)

    codec = Column("codec", "", width, name, left=True)
    if options.benchmark != "codec":
        return [codec, *COLLECTIVE]
    return [codec, *(CODEC if options.device is None else CODEC_ON_DEVICE)]


def labelled(codec: str, isa: str | None) -> str:
    """A codec's short text, with its instruction set where there are several.

    >>> labelled("quantize(bits=8)", "avx2"), labelled("sign", None)
    ('quantize(8) [avx2]', 'sign')
    """
    return f"{short(codec)} [{isa}]" if isa else short(codec)


def short(codec: str) -> str:
    """A codec's text without the names of its arguments.

    >>> short("topk(density=0.01,values=float16)")
    'topk(0.01,float16)'
    """
    return re.sub(r"\w+=", "", codec)


def _whole(value: int | None) -> str:
    return "" if value is None else str(value)


def _small(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _speed(phase: str, field: str) -> Callable[[codecs.Row], str]:
    def show(row: codecs.Row) -> str:
        speed = getattr(row, phase)
        return "" if speed is None else number(getattr(speed, field))

    return show


COLLECTIVE = [
    Column("algorithm", "", 12, lambda row: row.algorithm, left=True),
    Column("time", "us", 8, lambda row: number(row.time_us)),
    Column("algbw", "GB/s", 6, lambda row: number(row.algbw)),
    Column("busbw", "GB/s", 6, lambda row: number(row.busbw)),
    Column("wire", "bytes", 9, lambda row: _whole(row.wire)),
    Column("ratio", "", 6, lambda row: number(row.ratio)),
    Column("error", "", 7, lambda row: _small(row.error)),
    Column("vs dense", "", 8, lambda row: number(row.vs_dense)),
    Column("vs MPI", "", 6, lambda row: number(row.vs_mpi)),
    Column("#wrong", "", 6, lambda row: _whole(row.wrong)),
]

CODEC = [
    Column("encode", "us", 8, _speed("encode", "time_us")),
    Column("", "GB/s", 6, _speed("encode", "bandwidth")),
    Column("", "÷memcpy", 7, _speed("encode", "vs_memcpy")),
    Column("", "÷e += g", 7, _speed("encode", "vs_accumulate")),
    Column("decode", "us", 8, _speed("decode", "time_us")),
    Column("", "GB/s", 6, _speed("decode", "bandwidth")),
    Column("", "÷memcpy", 7, _speed("decode", "vs_memcpy")),
    Column("payload", "bytes", 9, lambda row: _whole(row.payload)),
    Column("ratio", "", 6, lambda row: number(row.ratio)),
    Column("error", "", 7, lambda row: _small(row.error)),
    Column("#wrong", "", 6, lambda row: _whole(row.wrong)),
]

CODEC_ON_DEVICE = [
    *(
        column
        for phase in ("encode", "decode", "add")
        for column in (
            Column(phase, "us", 7, _speed(phase, "time_us")),
            Column("", "GB/s", 6, _speed(phase, "bandwidth")),
            Column("of", "copy", 5, _speed(phase, "of_copy")),
        )
    ),
    Column("payload", "bytes", 9, lambda row: _whole(row.payload)),
    Column("error", "", 7, lambda row: _small(row.error)),
    Column("#wrong", "", 6, lambda row: _whole(row.wrong)),
]
