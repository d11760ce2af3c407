"""Compiles the ladders of this folder, runs them, and prints what each rung is worth.

    python bench/kernels/run.py [LADDER ...] [--check] [--json FILE]

Needs the sources and a C++ compiler (CXX, or c++), and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LADDERS = sorted(path.stem for path in HERE.glob("*.cc"))

# Those of the release build in CMakeLists.txt; BY_LOOPS where the compiler has them.
FLAGS = ("-std=c++20", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math")
BY_LOOPS = (
    "-mmemset-strategy=vector_loop:16384:noalign,libcall:-1:noalign",
    "-mmemcpy-strategy=vector_loop:1024:noalign,libcall:-1:noalign",
)
LIBRARY = ("src/base/isa.cc", "src/base/checksum.cc", "src/base/stream.cc")

# Large arrays lie in huge pages, as numpy's do.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}

PROCESSES = 5  # of each ladder, when timed


@dataclass(frozen=True)
class Row:
    ladder: str
    bytes: int
    rung: str
    bandwidth: float
    """GB/s of the floats that are read or, by decoders, written; 0 if only checked."""
    speedup: float
    """Times as fast as the first rung of the ladder."""


def compiled(ladder: str) -> Path:
    """The program of a ladder."""
    program = ROOT / "build" / "kernels" / ladder
    program.parent.mkdir(parents=True, exist_ok=True)
    sources = [HERE / f"{ladder}.cc", *(ROOT / file for file in LIBRARY)]
    includes = [f"-I{ROOT / folder}" for folder in ("src", "src/include")]
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    flags = [*FLAGS, *(BY_LOOPS if _accepts(compiler, BY_LOOPS) else ())]
    command = [*compiler, *flags, *includes, *map(str, sources), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def _accepts(compiler: Sequence[str], flags: Sequence[str]) -> bool:
    command = [*compiler, *flags, "-fsyntax-only", "-x", "c++", os.devnull]
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


def climb(ladder: str, sizes: Sequence[str], is_check: bool) -> Iterator[Row]:
    """The rows of a ladder, each the median of some processes: in one of five, arrays may come to
    lie in each other's way for all turns. CalledProcessError if a rung differs from the first.
    """
    command = [str(compiled(ladder)), *sizes, *["--check"][:is_check]]
    runs = [_lines_of(command) for _ in range(1 if is_check else PROCESSES)]
    for same in zip(*runs, strict=True):
        size, rung, *_ = same[0]
        bandwidth, speedup = (median(float(line[i]) for line in same) for i in (2, 3))
        yield Row(ladder, int(size), rung, bandwidth, speedup)


def _lines_of(command: Sequence[str]) -> list[list[str]]:
    run = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, encoding="utf-8", env=os.environ | HUGE_PAGES
    )
    return [line.split("\t") for line in run.stdout.splitlines()]


def as_table(rows: Sequence[Row]) -> str:
    """A ladder in Markdown: a line for each rung, with two columns for each size."""
    sizes = sorted({row.bytes for row in rows})
    titles = [f"{size >> 20} MiB, GB/s | ×" if size >> 20 else f"{size} B | ×" for size in sizes]
    lines = [f"| {rows[0].ladder} | {' | '.join(titles)} |", "|---" + "|--:|--:" * len(sizes) + "|"]
    for rung, same in groupby(sorted(rows, key=_place_in(rows)), key=lambda row: row.rung):
        cells = [f"{row.bandwidth:.1f} | {row.speedup:.2f}" for row in same]
        lines.append(f"| {rung} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _place_in(rows: Sequence[Row]) -> Callable[[Row], tuple[int, int]]:
    """Sorts by rung, in the ladder's order, and then by size."""
    order = list(dict.fromkeys(row.rung for row in rows))
    return lambda row: (order.index(row.rung), row.bytes)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="What each rung of the kernels' ladders is worth.")
    parser.add_argument("ladders", nargs="*", metavar="LADDER", help=f"{', '.join(LADDERS)} (all)")
    parser.add_argument("--bytes", nargs="+", default=[], help="sizes (default: 1 and 64 MiB)")
    parser.add_argument("--check", action="store_true", help="compare the rungs, time nothing")
    parser.add_argument("--json", metavar="FILE", type=Path, help="the rows, as JSON too")
    options = parser.parse_args(arguments)
    if unknown := set(options.ladders) - set(LADDERS):
        parser.error(f"{', '.join(unknown)} is none of {', '.join(LADDERS)}")

    everything = []
    for ladder in options.ladders or LADDERS:
        try:
            rows = list(climb(ladder, options.bytes, options.check))
        except subprocess.CalledProcessError as error:
            print(f"{ladder}: {error}", file=sys.stderr)
            return 1
        print(f"{ladder}: all rungs agree" if options.check else as_table(rows) + "\n", flush=True)
        everything += rows
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in everything], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
