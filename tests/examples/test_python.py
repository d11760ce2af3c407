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
        numbers: list[float] = []
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


def test_checkpoint():
    found = rows("checkpoint.py")
    assert found["resumed on 4 ranks, bits that differ:"] == [0]
    assert found["2 ranks went on at step"] == [120]
    [changed] = [numbers for name, numbers in found.items() if name.startswith("resharded")]
    assert changed[0] < 1e-5


def test_delayed():
    found = rows("delayed.py")
    assert all(found[f"{late} steps late"][0] < 0.15 for late in (0, 1, 4))


def test_local_sgd():
    found = rows("local_sgd.py")
    for codec in ("dense", "sign"):
        accuracy = {steps: found[f"{steps} steps, {codec}"][0] for steps in (1, 8, 64, 512)}
        assert min(accuracy[1], accuracy[8]) > 90
        assert accuracy[512] < accuracy[64] < accuracy[8]  # one-shot averaging does not work


def test_momentum_correction():
    found = rows("momentum_correction.py")
    assert found["dense, momentum"][0] < 0.05
    assert found["top 0.1 %, no feedback"][0] > 0.3
    assert found["top 0.1 %, corrected"][0] < 0.05 and found["and warm-up"][0] < 0.05
    assert found["dense, momentum"][1] > 100 * found["and warm-up"][1]


def test_pruning():
    found = rows("pruning.py")
    for kind in ("90 % pruned", "3 bits"):
        assert found[f"{kind}, while training"][0] < found[f"{kind}, afterwards"][0]


def test_ef21():
    found = rows("ef21.py")
    assert found["dense"][0] < 1e-9
    assert found["top 10 %, no feedback"][0] > found["top 10 %, ErrorFeedback"][0] > 1e-2
    assert found["top 10 %, EF21"][0] < 1e-6


def test_pipeline():
    (dense, dense_sent), *compressed = filter(None, rows("pipeline.py").values())
    assert dense < 0.02
    for (loss, sent), times in zip(compressed, (3.9, 7.6), strict=True):
        assert loss < 0.02
        assert dense_sent > times * sent
