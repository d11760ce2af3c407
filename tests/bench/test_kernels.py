"""The kernels' ladders still compile, and every rung writes what the first one does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "bench" / "kernels" / "run.py"
LADDERS = sorted(path.stem for path in RUN.parent.glob("*.cc"))


@pytest.mark.parametrize(
    "ladder",
    [name if name == "select" else pytest.param(name, marks=pytest.mark.long) for name in LADDERS],
)
def test_rungs_agree(ladder, tmp_path):
    file = tmp_path / "rows.json"
    sizes = ("1024", "70656")  # the second has tails: of tiles, blocks and words of 64
    command = [sys.executable, RUN, ladder, "--check", "--bytes", *sizes, "--json", file]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{ladder}: all rungs agree\n"
    rows = json.loads(file.read_text())
    assert {str(row["bytes"]) for row in rows} == set(sizes)
    assert {row["ladder"] for row in rows} == {ladder}


def test_unknown_ladder():
    result = subprocess.run([sys.executable, RUN, "rope"], capture_output=True, text=True)
    assert result.returncode == 2
    assert "rope is none of checksum" in result.stderr
