"""dct: an orthonormal transform whose bits are written down, and a selection of coefficients."""

import math

import numpy as np
import pytest
import skimp
from skimp.bench import data

from tests import oracle
from tests.codecs import test_bytes
from tests.comparing import square
from tests.oracle import dct
from tests.pairwise import parametrize
from tests.tables import DATA, DTYPES, array

CHUNKS = (8, 16, 32, 64, 128, 256)
SLACK = {"float32": 1e-5, "float64": 1e-12}


def decoded(x: np.ndarray, codec: skimp.Codec) -> np.ndarray:
    return skimp.decode(codec.encode(x), like=x)


def sample(kind: str, count: int, dtype: str) -> np.ndarray:
    if kind == "gradients":
        return data.make("gradients", count, dtype)
    return array(kind, count, dtype)


@parametrize(
    codec=(
        *("topk(density=1)", "topk(density=0.01)", "topk(k=1,values=bfloat16)"),
        *("block_topk(k=8,block=64)", "block_topk(density=0.02,block=8192,values=float16)"),
        *("threshold(magnitude=0.5)", "threshold(fraction=0.3,values=float16)"),
    ),
    chunk=CHUNKS,
    data=tuple(DATA),
    dtype=DTYPES,
    count=(1, 95, 255, 511, 5003, 20_000),
)
def test_the_oracles_bytes(codec, chunk, data, dtype, count):
    codec = f"dct(codec={codec},chunk={chunk})"
    test_bytes.test_frame_and_values(codec, count, data, dtype)
    test_bytes.test_residual(codec, data, "heavy_tailed", dtype, count)


def test_cosines_are_those_of_exact_arithmetic():
    for m, value in enumerate(dct.quarter_wave()):
        assert abs(value - math.cos(math.pi * m / 512)) <= 1e-15
    for m in range(3000):
        assert abs(dct.cosine(m) - math.cos(math.pi * m / 512)) <= 1e-12


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_transform_is_the_orthonormal_dct(chunk, dtype):
    """Against its definition, in float64."""
    x = array("normal", 5 * chunk, dtype)
    k, j = np.ogrid[:chunk, :chunk]
    basis = np.sqrt(np.where(k == 0, 1, 2) / chunk) * np.cos(np.pi * (2 * j + 1) * k / (2 * chunk))
    assert np.allclose(basis @ basis.T, np.eye(chunk), atol=1e-12)
    model = oracle.Dct(oracle.TopK(density=1.0), chunk)
    expected = (x.reshape(5, chunk).astype(np.float64) @ basis.T).ravel()
    tolerance = {"float32": 2e-6, "float64": 1e-14}[dtype] * chunk**0.5
    assert np.allclose(model.transformed(x), expected, rtol=0, atol=tolerance)
    assert np.allclose(model.inverted(expected.astype(dtype)), x, rtol=0, atol=tolerance)


@parametrize(
    codec=(skimp.TopK(0.01), skimp.TopK(0.1, values="float16"), skimp.BlockTopK(0.05, block=64)),
    chunk=CHUNKS,
    kind=("heavy_tailed", "mostly_zero", "gradients", "all_equal"),
    dtype=("float32", "float64"),
    count=(100, 5003, 20_000),
)
def test_contraction(codec, chunk, kind, dtype, count):
    """That of the codec inside, which this test takes from the oracle."""
    x = sample(kind, count, dtype)
    used = skimp.Dct(codec, chunk=chunk)
    delta = oracle.codec(used.text).contraction(count)
    left = square(x - decoded(x, used))
    assert left <= (1 - delta + SLACK[dtype]) * square(x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_with_all_coefficients_nothing_but_rounding_is_lost(dtype):
    """To float32, as which coefficients are sent."""
    x = array("heavy_tailed", 5003, dtype)
    for chunk in CHUNKS:
        left = square(x - decoded(x, skimp.Dct(skimp.TopK(1.0), chunk=chunk)))
        assert left < (4 * np.finfo(np.float32).eps) ** 2 * square(x)


def test_neighbours_that_are_alike_take_few_coefficients():
    x = np.sin(np.arange(10_000, dtype=np.float32) / 50)
    direct, transformed = skimp.TopK(0.05), skimp.Dct(skimp.TopK(0.05))
    assert square(x - decoded(x, transformed)) < 0.01 * square(x) < square(x - decoded(x, direct))


def test_selection_of_each_chunk_as_in_demo():
    """A constant in each chunk is one coefficient."""
    x = np.repeat(np.float32([1, -2, 3, 1e-3]), 64)
    codec = skimp.Dct(skimp.BlockTopK(k=1, block=64), chunk=64)
    assert np.allclose(decoded(x, codec), x, rtol=1e-6)


def test_a_chunk_with_nan_spoils_no_other():
    x = array("normal", 200, "float32")
    x[[70, 150]] = np.nan, np.inf
    residual = skimp.Residual(200)
    payload = skimp.Dct(skimp.TopK(1.0), chunk=64).encode(x, residual=residual)
    assert payload.nonfinite and np.isfinite(residual.values).all()
    finite = np.isfinite(skimp.decode(payload, like=x))
    assert finite[:64].all() and finite[192:].all() and not finite[64:192].any()


def test_values_that_overflow_are_told():
    x = np.full(64, 3e38, np.float32)
    residual = skimp.Residual(64)
    assert skimp.Dct(skimp.TopK(k=1)).encode(x, residual=residual).nonfinite
    assert np.isfinite(residual.values).all()


@pytest.mark.parametrize("inside", ["topk(k=3,values=float16)", "block_topk(k=2,block=32)"])
def test_a_frame_tells_its_codec(inside):
    payload = skimp.codec(f"dct(codec={inside},chunk=16)").encode(np.ones(99, np.float32))
    text = skimp.codec(inside).text
    assert payload.codec == f"dct(codec={text},chunk=16)"


def test_messages_name_the_codec_inside():
    with pytest.raises(skimp.InvalidArgument, match="k = 9 exceeds count = 8"):
        skimp.Dct(skimp.TopK(k=9)).encode(np.ones(8, np.float32))
    with pytest.raises(skimp.InvalidArgument, match=r"codec = sign\(block=2048\) is none of topk"):
        skimp.Dct(skimp.Sign())
    with pytest.raises(skimp.InvalidArgument, match="chunk = 96 must be a power of two"):
        skimp.Dct(skimp.TopK(k=9), chunk=96)


def test_what_needs_elements_is_refused():
    def worker(comm, codec, options):
        comm.allreduce(np.ones(64, np.float32), codec=skimp.Dct(codec), **options)

    for algorithm in ("sparse_doubling", "sparse_balanced"):
        with pytest.raises(skimp.InvalidArgument, match="merges selected elements"):
            skimp.run_threads(2, worker, skimp.TopK(0.1), {"algorithm": algorithm})
    for codec in (skimp.TopK(0.1), skimp.Threshold(0.1)):
        with pytest.raises(skimp.InvalidArgument, match="leaves values out"):
            skimp.run_threads(3, worker, codec, {"op": "median"})


def test_residuals_carry_what_is_left_out():
    """Of every element, in the elements' own domain: all steps together deliver all of it."""
    x, steps = array("normal", 1000, "float64"), 400
    codec, residual, total = skimp.Dct(skimp.TopK(0.05)), skimp.Residual(1000, "float64"), 0
    for _ in range(steps):
        total = total + skimp.decode(codec.encode(x, residual=residual), like=x)
    assert np.allclose(total + residual.values, steps * x, rtol=0, atol=1e-9)
    assert square(residual.values / steps) < 0.01 * square(x)
