"""What the tables of the collectives and of the codecs show of a row; README.md derives it."""

from __future__ import annotations

import re
from collections.abc import Callable

from skimp.bench import codecs
from skimp.bench.collectives import COLLECTIVES
from skimp.bench.options import Options
from skimp.bench.table import Column, number


def of(options: Options) -> list[Column]:
    """The columns of a benchmark; the first is as wide as its codecs need."""
    names = [short(text) for text in options.codecs]
    if options.benchmark != "codec":
        names.append(COLLECTIVES[options.benchmark].mpi_name)
    width = max(20, *map(len, names))
    codec = Column("codec", "", width, lambda row: short(row.codec), left=True)
    return [codec, *(CODEC if options.benchmark == "codec" else COLLECTIVE)]


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
    Column("encode", "us", 9, _speed("encode", "time_us")),
    Column("", "GB/s", 6, _speed("encode", "bandwidth")),
    Column("", "÷memcpy", 7, _speed("encode", "vs_memcpy")),
    Column("decode", "us", 9, _speed("decode", "time_us")),
    Column("", "GB/s", 6, _speed("decode", "bandwidth")),
    Column("", "÷memcpy", 7, _speed("decode", "vs_memcpy")),
    Column("payload", "bytes", 9, lambda row: _whole(row.payload)),
    Column("ratio", "", 6, lambda row: number(row.ratio)),
    Column("error", "", 7, lambda row: _small(row.error)),
    Column("#wrong", "", 6, lambda row: _whole(row.wrong)),
]
