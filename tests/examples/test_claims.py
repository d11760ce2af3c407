"""The claims run, shortened, and print their tables; the model's gradient is its loss's."""

import importlib
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

CLAIMS = Path(__file__).parents[2] / "examples" / "claims"


@pytest.fixture
def claim(monkeypatch):
    """Imports a module of the claims, which import one another by name."""
    monkeypatch.setattr(sys, "path", [str(CLAIMS), *sys.path])
    monkeypatch.setattr(os, "environ", dict(os.environ))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (
            getattr(sys.modules[name], "__file__", None)
            and str(CLAIMS) in sys.modules[name].__file__
        ):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("counterexamples", ["2: ", "4: top-k"]),
        (
            "bytes_and_accuracy",
            ["dense", "sign, feedback", "top-k 1 %, gather, feedback", "rank 4, none"],
        ),
        ("local_sgd", ["dense, H = 1", "dense, H = 4", "sign, one shot"]),
        ("gossip", ["allreduce, dense", "ring, exact", "ring, sign"]),
        ("delayed", ["dense, rate 0.05, 4 late"]),
        ("pruning", ["90 % pruned, afterwards", "2 bits, while training"]),
        ("robust", ["mean, two send signs", "vote, two repeat signs"]),
    ],
)
def test_runs(claim, name, rows, monkeypatch, capsys, tmp_path):
    if name != "counterexamples":
        pytest.importorskip("sklearn")
    plot = tmp_path / "plot.png"
    monkeypatch.setattr(sys, "argv", [name, "--quick", "--plot", str(plot)])
    claim(name).main()
    printed = capsys.readouterr().out
    for row in rows:
        assert f"\n| {row}" in printed
    assert plot.exists() or "No plot" in printed


def test_tunes_on_validation_data(claim, monkeypatch, capsys):
    """Accuracies by rate of each row asked for, and their mean; no data is tuned and tested on."""
    pytest.importorskip("sklearn")
    monkeypatch.setattr(sys, "argv", ["claim", "--quick", "--tune", "--rows", "sign, feedback"])
    claim("bytes_and_accuracy").main()
    lines = [line for line in capsys.readouterr().out.splitlines() if "%" in line]
    assert [line.split(" | ")[0] for line in lines] == 2 * [
        "| dense",
        "| sign, feedback",
        "| mean",
    ]
    assert all("**" in line and line.count("%") == 3 for line in lines)

    text = claim("characters")
    used = [*text.TRAINED_ON, *text.VALIDATED_ON, *text.TESTED_ON]
    assert len(set(used)) == len(used)


def test_counterexamples(claim):
    """Without feedback far from the minimum, with it near, as near as dense steps."""
    module = claim("counterexamples")
    for problem in module.PROBLEMS[1:]:
        dense, none, feedback = (
            module.solve(problem, method, 300)[-1] for method in ("dense", "none", "feedback")
        )
        assert none > 0.5
        assert feedback < 0.1
        assert feedback < 2 * dense + 1e-3
    assert module.solve(module.PROBLEMS[0], "unscaled", 300)[-1] == pytest.approx(0.5)


def test_learning_rate(claim):
    """It rises in the warm-up, then falls to 0, and feedback gets gradients that it has scaled."""
    common = claim("common")
    task = common.Task(
        name="a parabola",
        steps=8,
        rate=1.0,
        start=lambda seed: np.ones(4, np.float32),
        batches=lambda rank, seed: iter(range(8)),
        gradient=lambda parameters, batch: (float(batch), parameters.copy()),
        accuracy=lambda parameters: float(parameters[0]),
        shapes=[(4,)],
        warm_up=0.5,
    )
    training, rates = common.Training(task, 8, rank=0, seed=0), []
    for _ in training.gradients():
        rates.append(float(training.rate))
    assert rates == [0.25, 0.4375, 0.5625, 0.625, 0.5, 0.375, 0.25, 0.125]

    x, velocity = 1.0, 0.0
    for rate in rates:
        velocity = 0.5 * velocity + rate * x
        x -= velocity
    outcome = common.over_seeds(1, common.train, task, 8, momentum=0.5)
    assert outcome.mean == pytest.approx(x, rel=1e-5)
    assert list(outcome.losses) == list(range(8))


def test_gradient_of_the_transformer(claim):
    module = claim("characters")
    parameters = module.start(0).astype(np.float64)
    batch = next(module.batches(0, 0))
    _, gradient = module.gradient(parameters, batch)
    rng = np.random.default_rng(0)
    for name, part in module.parts(np.arange(module.PARAMETERS)).items():
        direction = np.zeros_like(parameters)
        direction[part.ravel()] = rng.standard_normal(part.size)
        up, down = (
            module.gradient(parameters + sign * 1e-6 * direction, batch)[0] for sign in (1, -1)
        )
        # The text depends on the Python, and with it how near a ReLU is to its kink.
        assert (up - down) / 2e-6 == pytest.approx(gradient @ direction, rel=1e-3, abs=1e-6), name


def test_the_readme_has_every_claim():
    listed = set(re.findall(r"claims/(\w+)\.py", (CLAIMS / "README.md").read_text("utf-8")))
    assert listed == {path.stem for path in CLAIMS.glob("*.py")} - {"common", "characters"}
