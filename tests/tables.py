"""What the table-driven tests run over. A codec is tested by standing here, and in the oracle."""

from collections.abc import Callable, Sequence

import numpy as np

from tests import oracle

CODECS = (
    "identity",
    "sign",
    "sign(block=32)",
    "sign(block=8192)",
    "quantize(bits=8)",
    "quantize(bits=4)",
    "quantize(bits=3)",
    "quantize(bits=2)",
    "quantize(bits=8,block=32)",
    "quantize(bits=3,block=96)",
    "quantize(bits=4,block=8192)",
    "quantize(bits=8,rounding=stochastic)",
    "quantize(bits=4,rounding=stochastic,seed=12345678901234567890)",
    "quantize(bits=3,block=64,rounding=stochastic,seed=7)",
    "quantize(bits=2,rounding=stochastic,seed=1)",
    "topk(density=0.01)",
    "topk(density=0.1,values=float16)",
    "topk(density=0.003,values=bfloat16)",
    "topk(density=0.5)",
    "topk(density=1.0,values=float16)",
    "topk(k=3,values=bfloat16)",
    "topk(k=1)",
    "random_k(density=0.05,seed=1)",
    "random_k(k=2)",
    "float(format=e4m3,block=64)",
    "float(format=float16)",
    "natural(block=32)",
    "natural(rounding=stochastic,seed=3)",
    "ternary",
    "ternary(block=96)",
    "arc_topk(density=0.3,row=32,sketch=2)",
    "arc_topk(k=1,sketch=1,seed=3)",
    "threshold(magnitude=1.5)",
    "threshold(fraction=0.3,values=float16)",
    "threshold(fraction=0.01,values=bfloat16)",
    "dct(codec=topk(density=0.1,values=float16),chunk=64)",
    "dct(codec=block_topk(k=5,block=96),chunk=8)",
    "dct(codec=threshold(fraction=0.2),chunk=256)",
    "block_topk(density=0.02,block=256)",
    "block_topk(k=3,block=32,values=float16)",
)
LOSSY = CODECS[1:]

DTYPES = ("float32", "float16", "bfloat16", "float64")

# Around the sizes of words, lanes and blocks; tails that fill neither.
COUNTS = (0, 1, 2, 3, 7, 31, 32, 33, 64, 95, 255, 256, 257, 1000, 2047, 2048, 2049, 5003)

Generator = Callable[[np.random.Generator, int, np.dtype], np.ndarray]


def _normal(rng, count, dtype):
    return rng.standard_normal(count)


def _heavy_tailed(rng, count, dtype):
    return rng.standard_t(1.5, count)


def _mostly_zero(rng, count, dtype):
    return rng.standard_normal(count) * (rng.random(count) < 0.02)


def _all_zero(rng, count, dtype):
    return np.zeros(count)


def _all_equal(rng, count, dtype):
    return np.full(count, -0.3)


def _ties(rng, count, dtype):
    return rng.choice([-2.0, -1.0, -0.0, 0.0, 1.0, 2.0], count)


def _all_negative(rng, count, dtype):
    return -np.abs(rng.standard_normal(count)) - 1e-3


def _denormal(rng, count, dtype):
    smallest = float(oracle.finfo(dtype).smallest_subnormal)
    return rng.integers(-7, 8, count) * smallest


def _tiny(rng, count, dtype):
    return rng.standard_normal(count) * 64 * float(oracle.finfo(dtype).tiny)


def _huge(rng, count, dtype):
    return rng.uniform(-1, 1, count) * float(oracle.finfo(dtype).max)


def _wide(rng, count, dtype):
    """Every magnitude that the type has."""
    info = oracle.finfo(dtype)
    exponents = rng.uniform(np.log2(float(info.tiny)), np.log2(float(info.max)) - 1, count)
    return rng.choice([-1, 1], count) * np.exp2(exponents)


def _sorted(rng, count, dtype):
    return np.sort(rng.standard_normal(count))


def _with_nonfinite(rng, count, dtype):
    values = rng.standard_normal(count)
    values[rng.random(count) < 0.01] = np.nan
    values[rng.random(count) < 0.01] = -np.inf
    values[count // 3 : count // 3 + 1] = np.inf
    return values


DATA: dict[str, Generator] = {
    "normal": _normal,
    "heavy_tailed": _heavy_tailed,
    "mostly_zero": _mostly_zero,
    "all_zero": _all_zero,
    "all_equal": _all_equal,
    "ties": _ties,
    "all_negative": _all_negative,
    "denormal": _denormal,
    "tiny": _tiny,
    "huge": _huge,
    "wide": _wide,
    "sorted": _sorted,
    "with_nonfinite": _with_nonfinite,
}
# For tests whose subject is not the arithmetic of codecs.
SOME_DATA = ("normal", "mostly_zero", "ties", "denormal", "huge", "with_nonfinite")
FINITE = tuple(kind for kind in DATA if kind != "with_nonfinite")


def exceeds(codec: str, count: int) -> bool:
    """Whether the codec is to keep more elements than there are."""
    try:
        oracle.codec(codec).kept(count)
    except ValueError:
        return True
    return False


def array(kind: str, count: int, dtype: str, seed: int | Sequence[int] = 0) -> np.ndarray:
    """The same values in every run."""
    dtype = oracle.dtype(dtype)
    rng = np.random.default_rng([*np.atleast_1d(seed), count, *kind.encode()])
    return oracle.narrow(DATA[kind](rng, count, dtype), dtype)
