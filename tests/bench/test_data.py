"""What is reduced: the same in every run, different on every rank, of the shape that is said."""

import numpy as np
import pytest
from skimp.bench import data, network


@pytest.fixture(params=list(data.KINDS))
def kind(request):
    if request.param == "gradients":
        pytest.importorskip("sklearn")
    return request.param


def test_reproducible_and_of_the_rank(kind):
    values = data.make(kind, 3000, "float32", rank=1, seed=5)
    assert values.shape == (3000,)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values, data.make(kind, 3000, "float32", rank=1, seed=5))
    assert (values != data.make(kind, 3000, "float32", rank=2, seed=5)).any()
    assert (values != data.make(kind, 3000, "float32", rank=1, seed=6)).any()


def test_element_types(kind):
    pytest.importorskip("ml_dtypes")
    for dtype in ("float16", "bfloat16", "float64"):
        assert data.make(kind, 10, dtype).dtype.name == dtype


def test_gradients_are_repeated():
    pytest.importorskip("sklearn")
    values = data.make("gradients", 3 * network.PARAMETERS + 5, "float32")
    once = values[: network.PARAMETERS]
    np.testing.assert_array_equal(values[network.PARAMETERS : 2 * network.PARAMETERS], once)
    np.testing.assert_array_equal(values[-5:], once[:5])
    assert np.linalg.norm(once) > 0


def test_tails():
    def largest(kind):
        values = data.make(kind, 100_000, "float32")
        return np.abs(values).max() / np.abs(values).mean()

    assert largest("normal") < 10 < largest("student")
