"""The Python examples run, and show what they say."""

import os
import subprocess
import sys
from pathlib import Path

from skimp.bench import demo

EXAMPLES = Path(__file__).parents[2] / "examples"


def rows(name):
    """What an example prints: name of a row → its numbers."""
    program = EXAMPLES / name
    assert len(program.read_text(encoding="utf-8").splitlines()) <= 60
    result = subprocess.run(
        [sys.executable, str(program)],
        env=demo.environment(os.environ),  # one thread a rank
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = {}
    for line in result.stdout.splitlines():
        words = line.split()
        numbers = []
        while words and _is_number(words[-1]):
            numbers.insert(0, float(words.pop()))
        found[" ".join(words)] = numbers
    return found


def _is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True


def test_ef21():
    found = rows("ef21.py")
    assert found["dense"][0] < 1e-9
    assert found["top 10 %, no feedback"][0] > found["top 10 %, ErrorFeedback"][0] > 1e-2
    assert found["top 10 %, EF21"][0] < 1e-6
