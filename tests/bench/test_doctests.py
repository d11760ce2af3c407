"""Examples in the bench's docstrings do what they say."""

import doctest
import importlib
import pkgutil

import pytest
import skimp.bench

MODULES = [found.name for found in pkgutil.walk_packages(skimp.bench.__path__, "skimp.bench.")]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
