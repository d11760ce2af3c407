"""random_k: a uniform subset that the seed alone tells."""

import numpy as np
import pytest
import skimp


def subsets(codec: skimp.Codec, count: int, steps: int) -> np.ndarray:
    """Which elements were kept: one row a step."""
    residual, x = skimp.Residual(count), np.ones(count, np.float32)
    kept = []
    for step in range(steps):
        kept.append(skimp.decode(codec.encode(x, residual=residual), like=x) != 0)
        residual.load(np.zeros(count, np.float32), step + 1)
    return np.array(kept)


@pytest.mark.parametrize(("count", "k"), [(1, 1), (10, 1), (10, 9), (10, 10), (1000, 37)])
def test_k_elements(count, k):
    assert (subsets(skimp.RandomK(k=k), count, 20).sum(axis=1) == k).all()


def test_every_element_equally_often():
    """Within five standard deviations; seed and steps are fixed."""
    count, k, steps = 50, 10, 2000
    often = subsets(skimp.RandomK(k=k, seed=3), count, steps).sum(axis=0)
    deviation = np.sqrt(steps * k / count * (1 - k / count))
    assert np.abs(often - steps * k / count).max() < 5 * deviation


def test_subset_follows_from_seed_and_step_not_from_the_values():
    x = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    codec = skimp.RandomK(k=20, seed=1)
    expected = subsets(codec, 200, 1)[0]
    assert np.array_equal(skimp.decode(codec.encode(x), like=x) != 0, expected)
    assert not np.array_equal(subsets(skimp.RandomK(k=20, seed=2), 200, 1)[0], expected)


def test_kept_values_are_exact_and_leave_no_residual():
    x = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    residual = skimp.Residual(200)
    decoded = skimp.decode(skimp.RandomK(k=20).encode(x, residual=residual), like=x)
    assert np.array_equal(decoded + residual.values, x)
    assert ((decoded == 0) | (decoded == x)).all()
