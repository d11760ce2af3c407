"""TopK's kernels where the guess is right and where it is wrong, with every coding of indices."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.codecs.test_topk import GUESSES, misleading
from tests.comparing import same_bits
from tests.cuda.emulation import ORDERS, on_device, on_host, thread_order, use_library
from tests.pairwise import parametrize


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


def sampled(count: int, dtype: np.dtype) -> np.ndarray:
    """What the kernels look at for their guess: a 64th, but of their sums 32 to 128 KiB."""
    least = 32768 // oracle.accumulator(dtype).itemsize
    size = max(least, min(count // 64, 4 * least))
    return np.arange(size) * (count // size - 1 | 1)


def planted(count: int, dtype: str, met: bool, spikes: int) -> np.ndarray:
    """Noise, and large values where the sample meets them all, or none: so large that noise beside
    them is denormal in float16, where what the survey takes for a rest is wrong."""
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, count)
    places = sampled(count, oracle.dtype(dtype))
    if not met:
        places = np.setdiff1d(np.arange(count), places)
    values[rng.choice(places, spikes, replace=False)] *= 1e4 if dtype == "float16" else 1e10
    return oracle.narrow(values, oracle.dtype(dtype))


def check(model: oracle.TopK, arrays: list[np.ndarray], in_place: bool) -> None:
    """Alone, and one after the other with what the one before left."""
    codec = skimp.TopK(k=model.k, values=model.values)
    residual = skimp.Residual(arrays[0].size, arrays[0].dtype.name, device=0, in_place=in_place)
    left = residual.values
    for x in arrays:
        alone = oracle.encode_frame(model, x)[0]
        assert codec.encode(on_device(x)) == alone
        decoded = skimp.decode(alone, like=on_device(x))
        assert same_bits(on_host(decoded, x.dtype), oracle.decode_frame(model, alone))
        frame, left = oracle.encode_frame(model, x, left)
        assert codec.encode(on_device(x), residual=residual) == frame
        assert same_bits(residual.values, left)


@parametrize(
    k=(1, 37, 400, 2048, 4096, 5000),
    data=tuple(GUESSES),
    count=(16_384, 40_000, 65_536),
    dtype=("float32", "float64", "bfloat16"),
    in_place=(False, True),
    order=ORDERS,
)
def test_a_wrong_guess_changes_nothing(k, data, count, dtype, in_place, order):
    with thread_order(order):
        check(oracle.TopK(k=k), [misleading(data, count, dtype, seed) for seed in (0, 1)], in_place)


@parametrize(
    met=(False, True),
    spikes=(399, 400, 401, 3000),
    count=(40_000, 600_011),  # 9375 of which are looked at
    dtype=("float32", "float64", "float16"),
    values=("float32", "float16"),
    order=ORDERS,
)
def test_a_planted_guess_changes_nothing(met, spikes, count, dtype, values, order):
    with thread_order(order):
        check(oracle.TopK(k=400, values=values), [planted(count, dtype, met, spikes)], False)


@parametrize(
    # A word, Elias-Fano with many low bits and with few, bitmaps.
    k=(1, 2, 3, 5, 100, 1000, 10_000, 23_000, 25_000, 70_000, 140_001),
    values=("float32", "float16", "bfloat16"),
    dtype=("float32", "float64"),
    order=ORDERS,
)
def test_codings_of_indices(k, values, dtype, order):
    x = misleading("heavy-tailed", 140_001, dtype)
    with thread_order(order):
        check(oracle.TopK(k=k, values=values), [x], in_place=False)
