"""Examples in docstrings and the README do what they say."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import skimp

ROOT = Path(__file__).parents[2]
MODULES = [
    found.name
    for found in pkgutil.walk_packages(skimp.__path__, "skimp.")
    if not found.name.endswith("__main__") and not found.name.startswith("skimp.bench")
]


@pytest.mark.parametrize("name", ["skimp", *MODULES])
def test_docstring_examples(name):
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    failed, _ = doctest.testmod(module, optionflags=flags)
    assert failed == 0


def test_readme_examples():
    """All blocks are one program, in which MPI has one rank."""
    readme = ROOT / "README.md"
    blocks = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    program = "\n".join(blocks)
    assert program
    if "mpi" in program:
        pytest.importorskip("mpi4py")
    exec(compile(program, str(readme), "exec"), {"__name__": "readme"})
