"""Lists, tuples and dicts of arrays: what was given, as arrays in one order, and back again.

Dicts are visited in the order of their sorted keys, so that ranks that filled theirs in another
order still agree.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, TypeVar

from skimp.dtypes import DType
from skimp.errors import InvalidArgument, UnsupportedType

CONTAINERS = (list, tuple, dict)


class Leaf(NamedTuple):
    dtype: str
    shape: tuple[int, ...]


class Branch(NamedTuple):
    kind: str
    keys: tuple[Any, ...]
    """Of a dict."""
    children: tuple[Any, ...]


Signature = Leaf | Branch
"""What two things must share to be reduced together; the kind of array is not part of it."""


class SeenArray(Protocol):
    """An array as skimp.arrays or skimp.device_arrays see it."""

    @property
    def dtype(self) -> DType: ...
    @property
    def shape(self) -> tuple[int, ...]: ...


Seen = TypeVar("Seen", bound=SeenArray)


def flatten(x: Any, leaves: list[Seen], see: Callable[[Any], Seen]) -> Signature:
    """Appends the arrays of `x` to `leaves`, as `see` sees them."""
    if isinstance(x, dict):
        keys = _sorted_keys(x)
        return Branch("dict", keys, tuple(flatten(x[key], leaves, see) for key in keys))
    if isinstance(x, (list, tuple)):
        if any(isinstance(item, (int, float, complex)) for item in x):
            kind = type(x).__name__
            raise UnsupportedType(
                f"a {kind} of numbers is not an array: pass np.asarray(x, np.float32)"
            )
        kind = "list" if isinstance(x, list) else "tuple"
        return Branch(kind, (), tuple(flatten(item, leaves, see) for item in x))
    leaf = see(x)
    leaves.append(leaf)
    return Leaf(leaf.dtype.name, leaf.shape)


def first_leaf(x: Any) -> Any:
    """The first array of `x`; None if it has none."""
    if not isinstance(x, CONTAINERS):
        return x
    items = (x[key] for key in _sorted_keys(x)) if isinstance(x, dict) else iter(x)
    return next((leaf for item in items if (leaf := first_leaf(item)) is not None), None)


def rebuild(x: Any, results: Iterator[Any]) -> Any:
    """Something of the structure of `x`, of as many results as it has arrays."""
    if isinstance(x, dict):
        rebuilt = copy.copy(x)
        for key in _sorted_keys(x):
            rebuilt[key] = rebuild(x[key], results)
        return rebuilt
    if isinstance(x, (list, tuple)):
        children = [rebuild(item, results) for item in x]
        return type(x)(*children) if hasattr(x, "_fields") else type(x)(children)
    return next(results)


def map_leaves(signature: Signature, change: Callable[[Leaf], Leaf]) -> Signature:
    if isinstance(signature, Leaf):
        return change(signature)
    children = tuple(map_leaves(child, change) for child in signature.children)
    return signature._replace(children=children)


def describe(signature: Signature) -> str:
    """For messages.

    >>> describe(Branch("dict", ("b",), (Leaf("float32", (2, 3)),)))
    "{'b': float32(2, 3)}"
    """
    if isinstance(signature, Leaf):
        return f"{signature.dtype}{signature.shape}"
    children = [describe(child) for child in signature.children[:8]]
    if signature.kind == "dict":
        keys = signature.keys
        children = [f"{key!r}: {child}" for key, child in zip(keys, children, strict=False)]
    hidden = len(signature.children) - len(children)
    if hidden:
        children.append(f"and {hidden} more")
    brackets = {"list": "[]", "tuple": "()", "dict": "{}"}[signature.kind]
    return brackets[0] + ", ".join(children) + brackets[1]


def _sorted_keys(x: dict[Any, Any]) -> tuple[Any, ...]:
    try:
        return tuple(sorted(x))
    except TypeError:
        raise InvalidArgument(
            "the keys of a dict of arrays must have an order, which all ranks share"
        ) from None
