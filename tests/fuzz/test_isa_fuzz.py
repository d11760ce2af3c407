"""Instruction sets against each other on random inputs: isa_fuzz.cc says which.

To repeat a failure, run the program with the printed seed, any number, the printed LARGEST and the
printed group.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from skimp import _objects

SOURCE = Path(__file__).with_name("isa_fuzz.cc")
ISAS = _objects.isa_names()

pytestmark = pytest.mark.skipif(ISAS == "scalar", reason="one instruction set: nothing to compare")


@pytest.fixture(scope="module")
def isa_fuzz(tmp_path_factory):
    """The path of the program, linked with the library that is installed."""
    program = tmp_path_factory.mktemp("isa_fuzz") / "isa_fuzz"
    ask = [sys.executable, "-m", "skimp", "--cflags", "--libs"]
    flags = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.split()
    compiler = os.environ.get("CXX", "g++")
    command = [compiler, "-std=c++20", "-O2", SOURCE, *flags, "-o", program]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return program


def fuzz(program, seed: int, inputs: int, largest: int):
    command = [program, str(seed), str(inputs), str(largest)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr[-4000:]}"
    done, refused = map(int, re.match(r"(\d+) inputs, (\d+) refused", result.stdout).groups())
    assert result.stdout.endswith(f"the same under {ISAS}\n")
    assert inputs <= done < inputs + 4
    assert refused < done / 10, "most of what is drawn should be encoded"


@pytest.mark.parametrize(
    ("seed", "inputs", "largest"), [(1, 300_000, 300), (2, 200_000, 2000), (3, 20_000, 40_000)]
)
def test_random_inputs(isa_fuzz, seed, inputs, largest):
    fuzz(isa_fuzz, seed, inputs, largest)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("seed", "inputs", "largest"), [(4, 10_000_000, 300), (5, 1_000_000, 40_000)]
)
def test_millions_of_random_inputs(isa_fuzz, seed, inputs, largest):
    fuzz(isa_fuzz, seed, inputs, largest)
