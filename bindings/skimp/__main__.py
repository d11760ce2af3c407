"""The command ``python -m skimp``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import skimp
from skimp import info, paths

USAGE = """\
python -m skimp info         what was found: SIMD, MPI, versions
python -m skimp bench ...    measure collectives and codecs; see bench --help
python -m skimp --cflags     for the C or C++ compiler
python -m skimp --libs       for the linker
python -m skimp --cmakedir   for cmake -DCMAKE_PREFIX_PATH=...
python -m skimp --version"""

ANSWERS: dict[str, Callable[[], str]] = {
    "info": info.text,
    "--cflags": paths.cflags,
    "--libs": paths.libs,
    "--cmakedir": lambda: str(paths.CMAKE),
    "--version": lambda: skimp.__version__,
    "--help": lambda: USAGE,
    "-h": lambda: USAGE,
}


def main(arguments: list[str]) -> int:
    """Runs the command; returns its exit status. Several options are answered on one line."""
    if arguments[:1] == ["bench"]:
        from skimp import bench

        return bench.main(arguments[1:])
    unknown = [argument for argument in arguments if argument not in ANSWERS]
    if unknown or not arguments:
        print(f"{unknown[0]}: not known\n{USAGE}" if unknown else USAGE, file=sys.stderr)
        return 2
    try:
        print(" ".join(ANSWERS[argument]() for argument in arguments), flush=True)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
