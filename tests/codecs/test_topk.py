"""topk: which elements are kept, how their indices travel, what narrow values cost."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.oracle.topk import index_bytes


def kept(x: np.ndarray, k: int) -> list[int]:
    return np.flatnonzero(skimp.decode(skimp.TopK(k=k).encode(x), like=x)).tolist()


@pytest.mark.parametrize(
    ("x", "k", "expected"),
    [
        ([1, -1, 1, -1], 2, [0, 1]),
        ([1, 2, -2, 2, 3], 3, [1, 2, 4]),
        ([-5, -4, -3, -2], 2, [0, 1]),
        ([1e-9, 3e-9, 2e-9], 2, [1, 2]),
        ([1e-45, 0, 3e-45], 1, [2]),
        ([np.inf, np.nan, np.inf, 1, np.nan], 3, [0, 1, 4]),
        ([3e38, np.inf, 1], 1, [1]),
    ],
)
def test_largest_magnitudes_and_ties_to_the_lower_index(x, k, expected):
    assert kept(np.array(x, np.float32), k) == expected


def test_exactly_k_where_fewer_are_not_zero():
    """Zeros that are kept cost bytes but change nothing."""
    x = np.array([0, 7, 0, 0], np.float32)
    payload = skimp.TopK(k=3).encode(x)
    assert np.array_equal(skimp.decode(payload, like=x), x)
    header, _ = oracle.open_frame(payload)
    assert header.parameter == 3


@pytest.mark.parametrize(
    ("density", "count", "k"),
    [(0.01, 100, 1), (0.01, 49, 1), (0.01, 150, 2), (0.5, 5, 3), (1.0, 7, 7), (1e-9, 10, 1)],
)
def test_density(density, count, k):
    payload = skimp.TopK(density).encode(np.ones(count, np.float32))
    assert oracle.open_frame(payload)[0].parameter == k


@pytest.mark.parametrize(
    ("count", "k", "coding"),
    [
        (10, 5, "bitmap"),
        (1000, 300, "bitmap"),
        (1000, 1, "elias_fano"),
        (1000, 10, "elias_fano"),
        (100_000, 1000, "elias_fano"),
        (2**24 + 9, 1, "words"),
    ],
)
def test_smallest_index_coding(count, k, coding):
    """Each is the best somewhere, and none gets the indices wrong."""
    sizes = index_bytes(count, k)
    assert sizes[coding] == min(sizes.values())
    x = np.zeros(count, np.float32)
    places = np.linspace(0, count - 1, k).astype(np.int64) if k > 1 else np.array([count - 1])
    x[places] = np.arange(1, k + 1)
    payload = skimp.TopK(k=k).encode(x)
    assert payload.nbytes == oracle.HEADER_BYTES + 4 * k + sizes[coding]
    assert np.array_equal(skimp.decode(payload, like=x), x)


def test_indices_past_two_to_the_24():
    """Where float32 no longer tells neighbours apart."""
    x = np.zeros(2**24 + 40, np.float32)
    places = [2**24 - 1, 2**24 + 1, 2**24 + 2, 2**24 + 39]
    x[places] = [1, -2, 3, -4]
    for k in (4, 3000):
        decoded = skimp.decode(skimp.TopK(k=k).encode(x), like=x)
        assert np.flatnonzero(decoded).tolist() == places
        assert np.array_equal(decoded[places], x[places])


def striped(rng, count, period):
    """Large values in stripes, which a sample of every so many elements may meet or miss."""
    x = rng.standard_normal(count).astype(np.float32)
    x[::period] *= 1e6
    return x


GUESSES = {
    **{f"stripes of {p}": lambda rng, n, p=p: striped(rng, n, p) for p in (3, 7, 8, 9, 10, 64)},
    "the last is all": lambda rng, n: np.eye(1, n, n - 1, dtype=np.float32)[0],
    "rising": lambda rng, n: np.arange(n, dtype=np.float32),
    "falling": lambda rng, n: -np.arange(n, dtype=np.float32)[::-1],
    "two values": lambda rng, n: rng.choice(np.float32([1, -2]), n),
    "zeros and a few": lambda rng, n: np.where(rng.random(n) < 1e-3, 1, 0).astype(np.float32),
    "infinite": lambda rng, n: np.where(rng.random(n) < 0.9, np.inf, 1).astype(np.float32),
    "nan": lambda rng, n: np.full(n, np.nan, np.float32),
}


@pytest.mark.parametrize("k", [1, 37, 400, 4096, 5000])
@pytest.mark.parametrize("data", GUESSES)
@pytest.mark.parametrize("count", [40_000, 65_536])
def test_a_wrong_guess_changes_nothing(data, count, k):
    """In large arrays a sample tells where to look first; here it misleads."""
    x = GUESSES[data](np.random.default_rng(0), count)
    frame, left = oracle.encode_frame(oracle.TopK(k=k), x)
    residual = skimp.Residual(count)
    assert skimp.TopK(k=k, values="float32").encode(x, residual=residual) == frame
    assert np.array_equal(residual.values, left)


@pytest.mark.parametrize("magnitude", [1e-38, 1e-20, 1.0, 1e20, 1e38])
@pytest.mark.parametrize(("values", "precision"), [("float16", 2.0**-11), ("bfloat16", 2.0**-8)])
def test_narrow_values_keep_their_precision_at_any_scale(magnitude, values, precision):
    """Neither loss-scaled nor tiny gradients overflow or vanish."""
    rng = np.random.default_rng(0)
    x = (rng.uniform(0.01, 1, 500) * magnitude).astype(np.float32)
    decoded = skimp.decode(skimp.TopK(1.0, values=values).encode(x), like=x)
    assert np.isfinite(decoded).all()
    assert (np.abs(decoded - x) <= precision * np.abs(x)).all()
