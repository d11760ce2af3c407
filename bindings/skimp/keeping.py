"""Arrays of calls that failed halfway: MPI may still read and write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from skimp import _objects
from skimp.errors import Error, InvalidArgument, NonFiniteError, UnsupportedType

T = TypeVar("T")

_kept_for_ever: list[tuple[object, ...]] = []


class Keeping:
    """What a communicator's calls go through."""

    _native: _objects.Communicator
    _kept: tuple[object, ...] = ()

    def _keeping(self, objects: tuple[object, ...], call: Callable[..., T], *arguments: Any) -> T:
        """Makes a call that uses these objects, and keeps them if it fails halfway."""
        try:
            return call(*arguments)
        except Error as error:
            harmless = isinstance(error, (InvalidArgument, UnsupportedType, NonFiniteError))
            if not harmless and not self._kept:
                self._kept = objects
                if self._native.transport != "threads":
                    _kept_for_ever.append(objects)
            raise
