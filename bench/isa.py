"""Instruction sets. The process has one in use; contestants that name one switch to it before their
turn, and the bench goes back to the first when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from skimp import _objects


def names() -> tuple[str, ...]:
    """Those of this processor, narrowest first."""
    return tuple(_objects.isa_names().split(", "))


def in_use() -> str:
    return _objects.isa()


def use(name: str | None) -> None:
    """None: whichever is in use will do."""
    if name is not None:
        _objects.use_isa(name)


@contextmanager
def restored() -> Iterator[None]:
    before = in_use()
    try:
        yield
    finally:
        use(before)
