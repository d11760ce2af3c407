"""Prints rows as aligned columns, a block at a time, so that progress shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO


@dataclass(frozen=True)
class Column:
    title: str
    unit: str
    width: int
    show: Callable[[Any], str]
    """The cell of a row, "" where it has none."""
    left: bool = False

    def align(self, text: str) -> str:
        return text.ljust(self.width) if self.left else text.rjust(self.width)


class Table:
    def __init__(self, columns: Sequence[Column], file: TextIO | None):
        self._columns = columns
        self._file = file

    def comment(self, text: str = "") -> None:
        """A line that is not a row: nccl-tests begins it with a #."""
        self._print(f"# {text}".rstrip())

    def space(self) -> None:
        self._print("")

    def head(self) -> None:
        for line in ([column.title for column in self._columns], [c.unit for c in self._columns]):
            self._print("#" + self._join(line)[1:])

    def row(self, row: Any) -> None:
        self._print(self._join([column.show(row) or "-" for column in self._columns]))

    def _join(self, cells: Sequence[str]) -> str:
        pairs = zip(self._columns, cells, strict=True)
        return ("  " + " ".join(column.align(cell) for column, cell in pairs)).rstrip()

    def _print(self, line: str) -> None:
        if self._file is not None:
            print(line, file=self._file, flush=True)


def number(value: float | None) -> str:
    """Three significant digits, at most three decimals, no exponent; "" for None.

    >>> [number(value) for value in (0.01234, 1.234, 56.78, 12345.6, None)]
    ['0.012', '1.23', '56.8', '12346', '']
    """
    if value is None:
        return ""
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:.{max(0, 3 - whole)}f}"


def in_units(nbytes: int) -> str:
    """A size as people say it, and exactly.

    >>> in_units(4096), in_units(1 << 26), in_units(1000)
    ('4 KiB (4096 bytes)', '64 MiB (67108864 bytes)', '1000 bytes')
    """
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= size and nbytes % (size // 16) == 0:
            return f"{nbytes / size:g} {unit} ({nbytes} bytes)"
    return f"{nbytes} bytes"
