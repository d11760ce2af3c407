"""What carries a unique id from rank 0 to the other ranks: a file, or a process group of torch."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Protocol

from skimp.errors import MismatchError, TransportError


class Carrier(Protocol):
    def publish(self, unique_id: str) -> None:
        """Of rank 0: here it is."""

    def check(self, unique_id: str) -> None:
        """Of rank 0, now and then: raises if the others can no longer find it."""

    def withdraw(self, unique_id: str) -> None:
        """Of rank 0: all have joined, or nobody should any more."""

    def fetch(self) -> str | None:
        """Of the others: what is there at the moment, in whatever form; None for nothing."""


class FileCarrier:
    """The id is all that the file holds. It appears whole, since it is renamed to its place."""

    def __init__(self, path: str | os.PathLike[str]):
        self._path = Path(path)

    def publish(self, unique_id: str) -> None:
        folder, name = self._path.parent, self._path.name
        try:
            file, whole = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
            try:
                with open(file, "w", encoding="ascii") as writer:
                    writer.write(unique_id)
                os.replace(whole, self._path)
            except OSError:
                os.unlink(whole)
                raise
        except OSError as error:
            raise TransportError(f"tcp: rank 0 cannot write {self._path}: {error}") from error

    def check(self, unique_id: str) -> None:
        if (found := self.fetch()) != unique_id:
            became = "is gone" if found is None else "names another rank 0"
            raise MismatchError(
                f"tcp: {self._path} {became}, before all ranks had joined: is it used by two "
                "jobs, or were two processes given rank 0?"
            )

    def withdraw(self, unique_id: str) -> None:
        if self.fetch() == unique_id:
            self._path.unlink(missing_ok=True)

    def fetch(self) -> str | None:
        try:
            return self._path.read_text("ascii", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TransportError(f"tcp: cannot read {self._path}: {error}") from error

    def __str__(self) -> str:
        return str(self._path)


class TorchCarrier:
    """One broadcast in the group, by which the id is there at once and for good."""

    def __init__(self, distributed: Any, group: Any):
        self._distributed = distributed
        self._group = group
        self._unique_id: str | None = None

    def publish(self, unique_id: str) -> None:
        self._broadcast(unique_id)

    def check(self, unique_id: str) -> None:
        pass

    def withdraw(self, unique_id: str) -> None:
        pass

    def fetch(self) -> str | None:
        if self._unique_id is None:
            self._unique_id = self._broadcast(None)
        return self._unique_id

    def _broadcast(self, unique_id: str | None) -> str | None:
        box = [unique_id]
        root = self._distributed.get_global_rank(self._group, 0)
        self._distributed.broadcast_object_list(box, src=root, group=self._group)
        return box[0]

    def __str__(self) -> str:
        return "the process group"
