"""topk: which elements are kept, how their indices travel, what narrow values cost."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.oracle.topk import index_bytes
from tests.pairwise import parametrize


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


# ---- In large arrays a sample tells where to look first ----


def sampled(count: int) -> np.ndarray:
    """Where the sample looks: the library's step, which an adversary knows too."""
    samples = max(4096, count // 1024)
    return np.arange(samples) * ((count // samples - 1) | 1)


def unsampled(count: int) -> np.ndarray:
    return np.setdiff1d(np.arange(count), sampled(count))


def striped(rng, count, period):
    """Large values in stripes, which a sample of every so many elements may meet or miss."""
    x = rng.standard_normal(count)
    x[::period] *= 1e6
    return x


def spiked(rng, count, places, spikes, value=1e6):
    """Noise but for `spikes` values, at places chosen from those given."""
    x = rng.uniform(-1, 1, count)
    x[rng.choice(places, spikes, replace=False)] = value
    return x


def denormal(rng, count, dtype):
    return rng.integers(-(2**22), 2**22, count) * float(oracle.finfo(dtype).smallest_subnormal)


HIT, MISS, EITHER = "hit", "miss", "either"

# What is in an array, and whether the guess is right where 400 of 40 000 elements are kept.
GUESSES = {
    **{
        f"stripes of {p}": (lambda rng, n, dtype, p=p: striped(rng, n, p), EITHER)
        for p in (3, 7, 8, 9, 10, 64)
    },
    "the last is all": (lambda rng, n, dtype: np.eye(1, n, n - 1)[0], EITHER),
    "rising": (lambda rng, n, dtype: np.arange(n), HIT),
    "falling": (lambda rng, n, dtype: -np.arange(n)[::-1], HIT),
    "two values": (lambda rng, n, dtype: rng.choice([1, -2], n), MISS),
    "zeros and a few": (lambda rng, n, dtype: rng.random(n) < 1e-3, EITHER),
    "infinite": (lambda rng, n, dtype: np.where(rng.random(n) < 0.9, np.inf, 1), MISS),
    "nan": (lambda rng, n, dtype: np.full(n, np.nan), MISS),
    "nan here and there": (lambda rng, n, dtype: spiked(rng, n, n, 1000, np.nan), HIT),
    "much nan": (lambda rng, n, dtype: spiked(rng, n, n, 10_000, -np.nan), MISS),
    "normal": (lambda rng, n, dtype: rng.standard_normal(n), HIT),
    "heavy-tailed": (lambda rng, n, dtype: rng.standard_t(1.5, n), HIT),
    "equal": (lambda rng, n, dtype: np.full(n, -0.7), MISS),
    "minus zeros": (lambda rng, n, dtype: -np.zeros(n), EITHER),
    "one bin of the histogram": (lambda rng, n, dtype: 1 + rng.permutation(n) * 2.0**-23, HIT),
    "denormal": (denormal, HIT),
    "spikes that it misses": (lambda rng, n, dtype: spiked(rng, n, unsampled(n), 399), HIT),
    "crowds that it misses": (lambda rng, n, dtype: spiked(rng, n, unsampled(n), 4097), MISS),
    "what it meets is all": (lambda rng, n, dtype: spiked(rng, n, sampled(n), 399), MISS),
}


def misleading(data: str, count: int, dtype: str, seed: int = 0) -> np.ndarray:
    dtype = oracle.dtype(dtype)
    values = GUESSES[data][0](np.random.default_rng(seed), count, dtype)
    return oracle.narrow(np.asarray(values, np.float64), dtype)


@parametrize(
    k=(1, 37, 400, 2048, 4096, 5000),
    data=tuple(GUESSES),
    count=(16_384, 40_000, 65_536),
    dtype=("float32", "float64", "bfloat16"),
    in_place=(False, True),
)
def test_a_wrong_guess_changes_nothing(k, data, count, dtype, in_place):
    model, codec = oracle.TopK(k=k), skimp.TopK(k=k)
    x = misleading(data, count, dtype)
    assert codec.encode(x) == oracle.encode_frame(model, x)[0]
    residual = skimp.Residual(count, dtype, in_place=in_place)
    left = residual.values.copy()
    for step in range(2):
        x = misleading(data, count, dtype, seed=step)
        frame, left = oracle.encode_frame(model, x, left)
        assert codec.encode(x, residual=residual) == frame
        assert same_bits(residual.values, left)


def guesses(x: np.ndarray, k: int, algorithm: str) -> list[tuple[int, int]]:
    """By rank: guesses that were right and wrong, as the communicator and a plan report them."""

    def worker(comm):
        options = {"codec": skimp.TopK(k=k), "algorithm": algorithm}
        plan = comm.plan_allreduce(like=x, **options)
        plan.run(x)
        comm.allreduce(x, **options)
        for report in (plan.report, comm.report):
            yield report.guess_hits, report.guess_misses

    reported = skimp.run_threads(2, lambda comm: list(worker(comm)))
    assert all(by_plan == by_communicator for by_plan, by_communicator in reported)
    return [by_plan for by_plan, _ in reported]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("data", [name for name, (_, guess) in GUESSES.items() if guess != EITHER])
def test_guesses_are_counted(data, dtype):
    """A rank encodes once in gather."""
    expected = (1, 0) if GUESSES[data][1] == HIT else (0, 1)
    assert guesses(misleading(data, 40_000, dtype), 400, "gather") == [expected] * 2


def test_two_phase_guesses_twice():
    """For the other rank's shard and for the sum of its own."""
    assert guesses(misleading("normal", 40_000, "float32"), 400, "two_phase") == [(2, 0)] * 2


@pytest.mark.parametrize(
    ("count", "k", "guessed"),
    [(16_383, 100, 0), (16_384, 100, 1), (16_384, 2048, 1), (16_384, 2049, 0), (40_000, 40_000, 0)],
)
def test_small_and_dense_arrays_are_not_guessed_about(count, k, guessed):
    for hits, misses in guesses(misleading("normal", count, "float32"), k, "gather"):
        assert hits + misses == guessed


@pytest.mark.parametrize("magnitude", [1e-38, 1e-20, 1.0, 1e20, 1e38])
@pytest.mark.parametrize(("values", "precision"), [("float16", 2.0**-11), ("bfloat16", 2.0**-8)])
def test_narrow_values_keep_their_precision_at_any_scale(magnitude, values, precision):
    """Neither loss-scaled nor tiny gradients overflow or vanish."""
    rng = np.random.default_rng(0)
    x = (rng.uniform(0.01, 1, 500) * magnitude).astype(np.float32)
    decoded = skimp.decode(skimp.TopK(1.0, values=values).encode(x), like=x)
    assert np.isfinite(decoded).all()
    assert (np.abs(decoded - x) <= precision * np.abs(x)).all()
