"""Prints what the build needs, one requirement a line, as pyproject.toml lists it.

Building with these in .venv, without isolation, is what makes the second build quick.
"""

from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10
    from pip._vendor import tomli as tomllib

pyproject = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
print(*pyproject["build-system"]["requires"], sep="\n")
