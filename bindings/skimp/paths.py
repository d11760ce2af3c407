"""Where the installed package keeps what C and C++ programs need: `python -m skimp --cflags`."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent.resolve()
INCLUDE = PACKAGE / "include"
LIB = PACKAGE / "lib"
CMAKE = LIB / "cmake" / "skimp"
LIBRARY = LIB / "libskimp.so"


def cflags() -> str:
    """What the compiler needs."""
    return f"-I{INCLUDE}"


def libs() -> str:
    """What the linker needs; the program then finds the library where it lies now."""
    return f"-L{LIB} -Wl,-rpath,{LIB} -lskimp"
