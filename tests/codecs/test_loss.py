"""How much a codec may lose, and that it loses nothing on average where it says so."""

import numpy as np
import pytest
import skimp
from skimp.bench import data

from tests import oracle
from tests.comparing import square
from tests.pairwise import parametrize
from tests.tables import CODECS, COUNTS, FINITE, array

DETERMINISTIC = tuple(
    text for text in CODECS if oracle.codec(text).is_contraction and not oracle.codec(text).random
)
RANDOM = tuple(text for text in CODECS if oracle.codec(text).random)

# Their squares and sums keep to normal numbers, so that rounding stays below `SLACK`.
ORDINARY = tuple(kind for kind in FINITE if kind not in ("denormal", "tiny", "huge", "wide"))
SLACK = {"float32": 1e-5, "float64": 1e-12}


@parametrize(codec=DETERMINISTIC, kind=ORDINARY, count=COUNTS[3:], dtype=tuple(SLACK))
def test_contraction(codec, kind, count, dtype):
    """‖x − decoded‖² ≤ (1 − δ)‖x‖²: why error feedback converges."""
    x = array(kind, count, dtype)
    decoded = skimp.decode(skimp.codec(codec).encode(x), like=x)
    delta = oracle.codec(codec).contraction(count)
    assert delta > 0
    assert square(x - decoded) <= (1 - delta + SLACK[dtype]) * square(x)


@pytest.mark.parametrize("codec", DETERMINISTIC)
def test_contraction_on_gradients(codec):
    """Those of a network in training, on handwritten digits."""
    x = data.make("gradients", 20_000, "float32")
    decoded = skimp.decode(skimp.codec(codec).encode(x), like=x)
    delta = oracle.codec(codec).contraction(x.size)
    assert square(x - decoded) <= (1 - delta + SLACK["float32"]) * square(x)


def errors_over_steps(codec: str, x: np.ndarray, steps: int) -> np.ndarray:
    """One row a step, which chooses the random numbers. Nothing is carried over."""
    residual = skimp.Residual(len(x))
    decoded = []
    for _ in range(steps):
        decoded.append(skimp.decode(skimp.codec(codec).encode(x, residual=residual), like=x))
        residual.load(np.zeros(len(x), np.float32), residual.step)
    return np.array(decoded, np.float64) - x


@pytest.mark.parametrize("codec", [text for text in RANDOM if oracle.codec(text).unbiased])
def test_unbiased(codec):
    """Within five standard deviations; the seeds are fixed."""
    x = array("normal", 300, "float32")
    errors = errors_over_steps(codec, x, steps=400)
    deviation = oracle.codec(codec).deviation(x)
    assert (np.abs(errors.mean(axis=0)) <= 5 * deviation / np.sqrt(400)).all()
    assert np.abs(errors.mean()) <= 5 * np.sqrt(np.mean(deviation**2) / errors.size)
    assert (errors.std(axis=0) <= 1.2 * deviation).all()


@pytest.mark.parametrize("codec", [text for text in RANDOM if not oracle.codec(text).unbiased])
def test_contraction_on_average(codec):
    x = array("normal", 300, "float32")
    errors = errors_over_steps(codec, x, steps=400)
    loss = np.mean([square(error) for error in errors]) / square(x)
    assert loss <= 1 - oracle.codec(codec).contraction(len(x)) + 0.02
