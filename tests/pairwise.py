"""Pairwise test tables: every two values of different factors meet in some case.

Most faults need two circumstances to coincide and few need three, so the table is nearly as sharp
as the full product, at the size of the two longest factors' product.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import pytest

Case = dict[str, Any]


def pairwise(**factors: Sequence[Any]) -> list[Case]:
    """Greedy and deterministic: begins every case with a pair that is still missing."""
    names = list(factors)
    missing = {
        ((a, x), (b, y)): None  # a dict, because it keeps the order
        for a, b in combinations(names, 2)
        for x in range(len(factors[a]))
        for y in range(len(factors[b]))
    }
    cases = []
    while missing:
        case = dict(next(iter(missing)))
        for name in names:
            if name not in case:
                case[name] = _best(name, len(factors[name]), case, missing, names, len(cases))
        for a, b in combinations(names, 2):
            missing.pop(((a, case[a]), (b, case[b])), None)
        cases.append({name: factors[name][case[name]] for name in names})
    return cases


def _best(
    name: str, size: int, case: dict[str, int], missing: dict, names: list[str], turn: int
) -> int:
    """The value that meets most missing partners; among equals they take turns."""

    def gain(value: int) -> int:
        chosen = {**case, name: value}
        mine = (names.index(name), name)
        pairs = (sorted([mine, (names.index(other), other)]) for other in case)
        return sum(tuple((n, chosen[n]) for _, n in pair) in missing for pair in pairs)

    # Each factor at its own pace, or those of one size would always meet in the same way.
    start = turn + turn // size * (names.index(name) + 1)
    return max(((start + value) % size for value in range(size)), key=gain)


def parametrize(**factors: Sequence[Any]) -> Callable:
    """pytest.mark.parametrize with a pairwise table; the factors are the test's arguments."""
    cases = [tuple(case.values()) for case in pairwise(**factors)]
    ids = ["-".join(str(value) for value in case) for case in cases]
    return pytest.mark.parametrize(list(factors), cases, ids=ids)
